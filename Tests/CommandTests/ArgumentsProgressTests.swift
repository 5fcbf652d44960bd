import Glibc
import Synchronization
import Testing

@testable import mimo_host

/// What a progress reporter wrote, on a clock that the test moves.
private final class Screen: Sendable {
  let seconds = Mutex(0.0)
  let written = Mutex<[String]>([])

  func progress(_ total: UInt64, _ style: Progress.Style, width: Int = 80) -> Progress {
    Progress(
      total: total, style: style, clock: { UInt64(self.seconds.withLock { $0 } * 1e9) }, width: { width },
      write: { text in self.written.withLock { $0.append(text) } })
  }

  func pass(_ time: Double) { seconds.withLock { $0 += time } }
  var lines: [String] { written.withLock { $0 } }
}

@Suite struct ProgressTests {
  @Test func aLogGetsALineEveryFiveSeconds() {
    let screen = Screen()
    let progress = screen.progress(10_000_000_000, .log)
    for i in 1...12 {
      screen.pass(1)
      progress.advance(by: 500_000_000, tensor: "layer \(i)")
    }
    progress.finish()
    #expect(
      screen.lines == [
        "mimo-host: 25%  2.50 GB of 10.0 GB  500 MB/s  15 s left  layer 5\n",
        "mimo-host: 50%  5.00 GB of 10.0 GB  500 MB/s  10 s left  layer 10\n",
      ])
  }

  @Test func aTerminalGetsOneLineThatRenewsItselfAndGoes() {
    let screen = Screen()
    let progress = screen.progress(1000, .line, width: 60)
    progress.advance(by: 100, tensor: "too soon")
    screen.pass(0.2)
    progress.advance(by: 100, tensor: "decoder.layers.11.mlp.linear_fc1.weight")
    progress.finish()
    progress.finish()
    #expect(
      screen.lines == [
        "\r20%  200 B of 1.00 kB  1.00 kB/s  1 s left  …ear_fc1.weight\u{1B}[K", "\r\u{1B}[K",
      ])
    #expect(screen.lines[0].dropFirst().count - "\u{1B}[K".count <= 59)
  }

  /// A closed stderr, which the program opens for reading alone, may be anything by then: nothing is written there.
  @Test func onlyAStreamThatTakesWordsGetsThem() throws {
    let closed = open("/dev/null", O_RDONLY)
    let log = open("/dev/null", O_WRONLY)
    defer {
      close(closed)
      close(log)
    }
    #expect(Progress.Style.fitting(closed, quiet: false) == .silent)
    #expect(Progress.Style.fitting(-1, quiet: false) == .silent)
    #expect(Progress.Style.fitting(log, quiet: false) == .log)
    #expect(Progress.Style.fitting(log, quiet: true) == .silent)
  }

  @Test(arguments: [
    ("xterm-256color", nil, true), ("xterm", "", true), ("xterm", "1", false), ("dumb", nil, false), ("", nil, false),
    (nil, nil, false),
  ] as [(String?, String?, Bool)])
  func aTerminalThatIsDumbOrWantsNoColourGetsPlainLines(terminal: String?, noColour: String?, hears: Bool) {
    func heard(_ terminal: UnsafePointer<CChar>?) -> Bool {
      guard let noColour else { return Progress.Style.hearsEscapes(terminal, nil) }
      return noColour.withCString { Progress.Style.hearsEscapes(terminal, $0) }
    }
    #expect((terminal.map { $0.withCString { heard($0) } } ?? heard(nil)) == hears)
  }

  @Test func whatWasDoneBeforeDoesNotCountForTheRate() {
    let screen = Screen()
    let progress = screen.progress(10_000_000_000, .log)
    screen.pass(100)
    progress.begin(.provingOutput(bytes: 8_000_000_000), total: 10_000_000_000)
    for _ in 1...5 {
      screen.pass(1)
      progress.advance(by: 800_000_000, tensor: "")
    }
    screen.pass(2)
    progress.begin(.moving(done: 8_000_000_000), total: 10_000_000_000)
    screen.pass(4)
    progress.advance(by: 400_000_000, tensor: "a")
    progress.begin(.finishing, total: 10_000_000_000)
    #expect(
      screen.lines == [
        "mimo-host: checking what a former run wrote\n",
        "mimo-host: checking what a former run wrote  50%  4.00 GB of 8.00 GB  800 MB/s  5 s left\n",
        "mimo-host: 84%  8.40 GB of 10.0 GB  100 MB/s  16 s left  a\n",
        "mimo-host: finishing\n",
      ])
  }

  @Test func theLogOfAShortRunDoesNotNameItsEnd() {
    let screen = Screen()
    let progress = screen.progress(1000, .log)
    progress.advance(by: 1000, tensor: "a")
    progress.begin(.finishing, total: 1000)
    #expect(screen.lines.isEmpty)
  }

  @Test func aTerminalSaysWhatIsDoneAtTheEnd() {
    let screen = Screen()
    let progress = screen.progress(1000, .line)
    progress.begin(.finishing, total: 1000)
    progress.finish()
    #expect(screen.lines == ["\rfinishing\u{1B}[K", "\r\u{1B}[K"])
  }

  @Test func quietSaysNothingAndAsksForNoNames() {
    let screen = Screen()
    let progress = screen.progress(1000, .silent)
    screen.pass(100)
    progress.advance(
      by: 100,
      tensor: {
        Issue.record("the name was asked for")
        return ""
      }())
    progress.finish()
    #expect(screen.lines.isEmpty)
  }

  @Test func threadsMayAdvanceAtOnce() async {
    let screen = Screen()
    let progress = screen.progress(8000, .log)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<1000 { progress.advance(by: 1, tensor: "") } } }
    }
    screen.pass(8)
    progress.advance(by: 0, tensor: "end")
    #expect(screen.lines == ["mimo-host: 100%  8.00 kB of 8.00 kB  1.00 kB/s  end\n"])
  }

  @Test(arguments: [(0.2, "1 s"), (59.0, "59 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min"), (1e9, "days")])
  func saysHowLong(seconds: Double, text: String) { #expect(ProgressLine.duration(seconds) == text) }

  @Test func nothingToMoveIsAllDone() {
    #expect(ProgressLine(done: 0, total: 0, seconds: 1, tensor: "").text == "100%  0 B of 0 B")
  }
}

@Suite struct ByteSizeTests {
  @Test(arguments: [
    ("1000000", 1_000_000), ("512M", 512 << 20), ("2GiB", 2 << 30), ("5GB", 5_000_000_000), ("1.5K", 1536), ("7B", 7),
    ("3tb", 3_000_000_000_000), ("64kib", 65536),
  ])
  func reads(text: String, bytes: Int) throws { #expect(try ByteSize.read(text).bytes == bytes) }

  @Test(arguments: ["", "M", "5X", "-1", "1 G", "0", "0.0001K", "99999999999999999999", "9000000T", "1.2.3G", "nan", "٣M"])
  func refuses(text: String) { #expect(throws: BadValue.self) { try ByteSize.read(text) } }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (9_996, "10.0 kB"), (99_960, "100 kB"), (1_234_567, "1.23 MB"),
    (1_050_000, "1.05 MB"), (999_600, "1.00 MB"), (4_200_000_000, "4.20 GB"), (12_000_000_000_000_000, "12000 TB"),
  ])
  func shows(bytes: Int, text: String) { #expect(ByteSize.text(bytes) == text) }
}

@Suite struct LauncherWorldTests {
  @Test(arguments: [
    ("WORLD_SIZE", ["RANK", "LOCAL_RANK"]), ("OMPI_COMM_WORLD_SIZE", ["OMPI_COMM_WORLD_RANK"]), ("PMI_SIZE", ["PMI_RANK"]),
    ("SLURM_STEP_NUM_TASKS", ["SLURM_PROCID", "SLURM_STEP_ID"]),
  ])
  func isKnownOnlyInsideALauncher(_ size: String, _ marks: [String]) {
    var launched = [size: "8"]
    #expect(LauncherWorld.size { launched[$0] } == nil)
    for mark in marks { launched[mark] = "0" }
    #expect(LauncherWorld.size { launched[$0] } == 8)
    launched[size] = "x"
    #expect(LauncherWorld.size { launched[$0] } == nil)
  }
}
