import BadPlugins
import Foundation
import Testing

/// What a broken plugin costs the user of `convert`: one line, exit code 5, and nothing is written.
@Suite(.enabled(if: BadPlugin.compiler != nil, "a C compiler is needed to make the bad plugins"))
struct BadPluginTests {
  @Test(arguments: [
    ("takes-any-major", nil), ("prints", nil), ("floods", nil), ("leaves-a-process", nil), ("sound", nil),
    ("crashes-on-load", "crashed (SIGSEGV) while it was loaded"),
    ("crashes-on-unload", "crashed (SIGABRT) while it was unloaded"),
    ("crashes-in-describe", "crashed (SIGSEGV) in describe for layout megatron"), ("aborts", "crashed (SIGABRT)"),
    ("exits", "ended the process (exit code 0)"), ("frees-what-is-lent", "crashed (SIGABRT)"),
    ("lies-about-lengths", "crashed (SIGSEGV)"), ("writes-answers-itself", "what can not be read"),
    ("closes-everything", "ended the process"),
    ("fails-silently", "describe failed without saying why"), ("loses-rows", "some elements are read twice"),
    ("forgets-known-keys", "tied to an undeclared source embed.weight"),
  ])
  func convertSaysOneLine(_ name: String, _ words: String?) throws {
    let scratch = try Scratch()
    let bad = try BadPlugin(name)
    let folder = try toyCheckpoint(bad, in: scratch)
    let arguments = ["--plugin", bad.path, "--to", "megatron", "--tp", "2", folder, scratch("out")]
    guard let words else { return try Host.convert(arguments) }
    try Refusal.expect(arguments, in: scratch, code: 5, words: [words, "This is a fault of the plugin"])
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
  }

  /// A crash is not called the plugin's fault alone where the user bounds addresses.
  @Test func underABoundOfAddressesACrashMayBeTheBounds() throws {
    let scratch = try Scratch()
    let bad = try BadPlugin("aborts")
    let arguments = ["plan", "--plugin", bad.path, "--to", "megatron", try toyCheckpoint(bad, in: scratch)]
    Refusal.judge(
      try Host.run(arguments, shell: "ulimit -v 4000000"), code: 5,
      words: ["may have run out of addresses: raise ulimit -v", "else this is a fault of the plugin"])
  }

  /// Every command that describes models takes the option, and its error names it.
  @Test(arguments: [
    "convert -q --plugin PLUGIN --to megatron MODEL OUT", "plan --plugin PLUGIN --to megatron MODEL",
    "shards --plugin PLUGIN --tp 1 MODEL", "synth -q --plugin PLUGIN --config MODEL/config.json OUT",
    "verify -q --plugin PLUGIN MODEL MODEL", "plugin describe --config MODEL/config.json PLUGIN",
  ]) func aHangEndsWhenItsTimeIsOver(_ command: String) throws {
    let scratch = try Scratch()
    let bad = try BadPlugin("hangs")
    let folder = try toyCheckpoint(bad, in: scratch)
    let words = command.split(separator: " ").map {
      String($0).replacing("PLUGIN", with: bad.path).replacing("MODEL", with: folder).replacing("OUT", with: scratch("out"))
    }
    let start = Date()
    let outcome = try Host.run(words + ["--plugin-timeout", "1"])
    #expect(Date().timeIntervalSince(start) < 30)
    Refusal.judge(outcome, code: 5, words: ["did not finish within 1 s in describe", "--plugin-timeout SECONDS", bad.path])
    #expect(scratch.names == ["toy"])
  }

  /// SIGINT reaches a command that waits for a plugin, and the plugin ends with it.
  @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))]) func aHangCanBeInterrupted(
    _ signal: Int32, _ code: Int32
  ) throws {
    let scratch = try Scratch()
    let bad = try BadPlugin("hangs")
    let folder = try toyCheckpoint(bad, in: scratch)
    let (process, pipes) = Host.process([
      "convert", "-q", "--plugin", bad.path, "--to", "megatron", folder, scratch("out"),
    ])
    try process.run()
    // Long enough for the plugin to hang; were it shorter, the signal would just come earlier.
    Thread.sleep(forTimeInterval: 1)
    let start = Date()
    kill(process.processIdentifier, signal)
    let outcome = Host.finish(process, pipes)
    #expect(Date().timeIntervalSince(start) < 5)
    #expect(outcome.code == code && !outcome.wasKilled, "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch("out")))
  }

  /// The plugin hangs, so that there is time to look: sources and channels are open by then.
  @Test func nothingGetsTheNumbersOfStreamsThatWereClosed() throws {
    let scratch = try Scratch()
    let bad = try BadPlugin("hangs")
    let folder = try toyCheckpoint(bad, in: scratch)
    let (process, pipes) = Host.process(
      ["convert", "--plugin", bad.path, "--to", "megatron", folder, scratch("out")], shell: "exec <&- >&- 2>&-")
    try process.run()
    let host = process.processIdentifier
    for _ in 0..<3000 {
      guard Self.children(of: host).isEmpty else { break }
      usleep(10_000)
    }
    let links = (0...2).map { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(host)/fd/\($0)") }
    #expect(links == ["/dev/null", "/dev/null", "/dev/null"])
    kill(host, SIGTERM)
    #expect(Host.finish(process, pipes).code == 143)
  }

  private static func children(of process: pid_t) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { number in
      // Number, name in brackets, state, parent.
      let line = (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)) ?? ""
      return line.split(separator: ")").last?.split(separator: " ").dropFirst().first == "\(process)"
    }
  }

  @Test func checkReportsAndExitsWithFive() throws {
    let bad = try BadPlugin("prints")
    let arguments = ["plugin", "check", "--config", try bad.config(), "--only", "802", "--seed", "3"]
    let text = try Command(arguments + [bad.path])
    #expect(text.status == 5)
    #expect(text.output.contains("seed 3\n") && text.output.contains("BROKEN   802 is-silent"))
    #expect(text.errors.hasPrefix("mimo-host: error: \(bad.path): breaks 1 of 1 rules: 802."))
    let json = try Command(arguments + ["--json", bad.path])
    let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(report["conforms"] as? Bool == false && report["seed"] as? Int == 3)
  }

  @Test func checkExitsWithZeroWhenAllIsWell() throws {
    let sound = try BadPlugin("sound")
    #expect(try Command(["plugin", "check", "--only", "301", sound.path]).status == 0)
  }

  /// A plugin's words do not get into JSON.
  @Test func jsonIsNotSpoiltByAPluginThatPrints() throws {
    let bad = try BadPlugin("prints")
    let command = try Command(["plugin", "describe", "--json", "--config", try bad.config(), bad.path])
    #expect(try JSONSerialization.jsonObject(with: Data(command.output.utf8)) is [String: Any])
  }

  /// A Hugging Face folder of the made-up family.
  private func toyCheckpoint(_ plugin: BadPlugin, in scratch: Scratch) throws -> String {
    let folder = URL(filePath: scratch("toy"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: URL(filePath: try plugin.config()), to: folder.appending(path: "config.json"))
    var names = ["embed.weight"]
    for layer in 0..<2 { names += ["gate", "up", "down"].map { "layers.\(layer).\($0).weight" } }
    var header: [String: Any] = [:]
    for (place, name) in names.enumerated() {
      header[name] = ["dtype": "F32", "shape": [8, 8], "data_offsets": [place * 256, place * 256 + 256]]
    }
    var text = try JSONSerialization.data(withJSONObject: header)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
    try (length + text + Data(count: names.count * 256)).write(to: folder.appending(path: "model.safetensors"))
    return folder.path
  }
}
