import Glibc
import MimoSystem
import Synchronization

/// Shows how far a run has come; may be told from any thread.
///
/// On a terminal one line that renews itself, elsewhere a plain line about every 5 seconds, or nothing.
final class Progress: Sendable {
  enum Style: Sendable {
    case line, log, silent

    /// What suits a stream.
    static func fitting(_ descriptor: Int32, quiet: Bool) -> Style {
      if quiet || !StandardStreams.isWritable(descriptor) { return .silent }
      return isatty(descriptor) == 1 && hearsEscapes(getenv("TERM"), getenv("NO_COLOR")) ? .line : .log
    }

    /// Whether a terminal may be sent escape sequences: not a dumb one, nor one whose user wants none.
    static func hearsEscapes(_ terminal: UnsafePointer<CChar>?, _ noColor: UnsafePointer<CChar>?) -> Bool {
      guard let terminal, terminal[0] != 0, strcmp(terminal, "dumb") != 0 else { return false }
      return noColor.map { $0[0] == 0 } ?? true
    }

    /// Nanoseconds between two showings.
    fileprivate var interval: UInt64 { self == .line ? 100_000_000 : 5_000_000_000 }
  }

  private let style: Style
  private let clock: @Sendable () -> UInt64
  private let write: @Sendable (String) -> Void
  private let width: @Sendable () -> Int
  private let done = Atomic<UInt64>(0)
  private let stretch: Mutex<Stretch>
  /// When to show next; who moves it on is the one that shows.
  private let due: Atomic<UInt64>

  /// What the bytes count for that are told of.
  private struct Stretch {
    var activity = ""
    var total: UInt64
    /// Bytes of the total that were done before it.
    var before: UInt64 = 0
    var start: UInt64
  }

  /// Whether a line stands on the terminal. Held while writing, so that lines do not mix.
  private let lineIsShown = Mutex(false)
  private let hasSpoken = Atomic(false)
  /// Whether somebody sees what is short mostly: on a terminal, and in the log of a run that took long enough for a line.
  var showsShortPhases: Bool { style == .line || hasSpoken.load(ordering: .relaxed) }

  /// - Parameters:
  ///   - total: bytes of the whole run.
  ///   - clock: nanoseconds on a clock that only goes forward.
  init(
    total: UInt64, style: Style, clock: @escaping @Sendable () -> UInt64 = Progress.now,
    width: @escaping @Sendable () -> Int = Progress.terminalWidth,
    write: @escaping @Sendable (String) -> Void = { Console.write($0, to: STDERR_FILENO) }
  ) {
    self.style = style
    self.clock = clock
    self.write = write
    self.width = width
    let start = clock()
    stretch = Mutex(Stretch(total: total, start: start))
    due = Atomic(start + style.interval)
  }

  /// The progress of a command, on stderr.
  convenience init(total: UInt64, quiet: Bool) {
    self.init(total: total, style: .fitting(STDERR_FILENO, quiet: quiet))
  }

  /// Counts bytes as moved. `tensor` is only asked for when it is shown.
  func advance(by bytes: Int, tensor: @autoclosure () -> String) {
    let now = done.wrappingAdd(UInt64(max(bytes, 0)), ordering: .relaxed).newValue
    guard style != .silent else { return }
    let time = clock()
    let next = due.load(ordering: .relaxed)
    guard time >= next,
      due.compareExchange(expected: next, desired: time + style.interval, ordering: .relaxed).exchanged
    else { return }
    let stretch = stretch.withLock { $0 }
    let line = ProgressLine(
      done: now, total: stretch.total, seconds: Double(time - min(time, stretch.start)) / 1e9, tensor: tensor(),
      before: stretch.before, activity: stretch.activity)
    show(style == .line ? line.text(width: width() - 1) : line.text)
  }

  /// Begins to count anew, for something else; says so where that is not what anybody expects.
  ///
  /// - Parameter before: bytes of the total that were done before.
  func begin(_ activity: String, total: UInt64, before: UInt64 = 0) {
    let time = clock()
    stretch.withLock { $0 = Stretch(activity: activity, total: total, before: before, start: time) }
    done.store(0, ordering: .relaxed)
    guard style != .silent, !activity.isEmpty else { return }
    due.store(time + style.interval, ordering: .relaxed)
    show(style == .log ? activity : String(activity.prefix(max(width() - 1, 0))))
  }

  /// Takes the line off the terminal. Called once the run has ended, however it did.
  func finish() {
    lineIsShown.withLock { shown in
      if shown { write("\r\u{1B}[K") }
      shown = false
    }
  }

  private func show(_ text: String) {
    hasSpoken.store(true, ordering: .relaxed)
    lineIsShown.withLock { shown in
      guard style == .line else { return write("mimo-host: \(text)\n") }
      write("\r\(text)\u{1B}[K")
      shown = true
    }
  }

  /// The monotonic clock.
  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Columns of the terminal behind stderr; 80 where nobody says.
  static func terminalWidth() -> Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
