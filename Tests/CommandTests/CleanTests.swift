import Foundation
import MimoSystem
import Testing

/// What dead runs leave is found, named, and removed when it is ours.
@Suite struct CleanTests {
  private func rows(_ arguments: [String]) throws -> [String: [String: Any]] {
    let outcome = try Host.run(["clean", "--json"] + arguments)
    try #require(outcome.code == 0, "\(outcome.errors)")
    let list = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: list.map { (($0["path"] as? String ?? "").split(separator: "/").last.map(String.init) ?? "", $0) })
  }

  private func leave(_ out: String, recorded: Bool) throws -> WorkFolder {
    let work = try WorkFolder(for: out)
    try work.reset()
    try FileSystem.writeSmallFile(work.result + "/weights", [UInt8](repeating: 1, count: 100_000))
    if recorded { try work.journal.write([1], at: 0) }
    return work
  }

  @Test func leftoversAreListedByWhatTheyAreAndOnlyTheDeadOnesRemoved() throws {
    let scratch = try Scratch()
    let live = try leave(scratch("live"), recorded: true)
    try leave(scratch("stopped"), recorded: true).release()
    try leave(scratch("dead"), recorded: false).release()
    var states = ["live": "in_use", "stopped": "stopped", "dead": "dead"]
    // As versions up to 1.0 named them. No process has so high a number.
    for name in [".old.mimo-host-9999999-abc", ".alive.mimo-host-\(getpid())-abc", ".lost.mimo-host-9999999-a.replaced", ".x.mimo-host-probe-1"] {
      try FileSystem.createDirectory(scratch(name))
    }
    states.merge(["old": "dead", "alive": "in_use", "lost": "former_output", "x": "in_use"]) { a, _ in a }
    for name in ["model", ".hidden", ".mimo-host-work", ".a.mimo-host-x"] { try FileSystem.createDirectory(scratch(name)) }
    if geteuid() == 0 {
      let path = FileSystem.join(scratch.url.path, ".theirs.mimo-host-work")
      try FileSystem.createDirectory(path)
      chown(path, 1234, 1234)
      states["theirs"] = "foreign"
    }
    let before = scratch.names
    let listed = try rows([scratch.url.path])
    #expect(Dictionary(uniqueKeysWithValues: listed.values.map { ($0["out"] as? String ?? "", $0["state"] as? String ?? "") }) == states)
    #expect(listed[".dead.mimo-host-work"]?["bytes"] as? Int ?? 0 >= 100_000)
    #expect(listed.values.allSatisfy { $0["removed"] as? Bool == false })
    #expect(scratch.names == before, "a list changes nothing")
    let removed = try rows(["--remove", scratch.url.path]).filter { $0.value["removed"] as? Bool == true }
    #expect(Set(removed.keys) == [".dead.mimo-host-work", ".stopped.mimo-host-work", ".old.mimo-host-9999999-abc"])
    #expect(Set(before).subtracting(scratch.names) == Set(removed.keys))
    live.release()
    #expect(try rows([scratch.url.path])[".live.mimo-host-work"]?["state"] as? String == "stopped")
  }

  /// A run that was killed between its two renames left the only copy of the former OUT in its work folder.
  @Test func theFormerOutputComesBackBeforeItsWorkFolderIsRemoved() throws {
    let scratch = try Scratch()
    let work = try leave(scratch("out"), recorded: true)
    work.release()
    try FileSystem.createDirectory(work.path + "/replaced")
    try FileSystem.writeSmallFile(work.path + "/replaced/model", [7])
    #expect(try Host.run(["clean", "--remove", scratch.url.path]).output.hasPrefix("removed  "))
    #expect(scratch.names == ["out"])
    #expect(try FileSystem.readSmallFile(scratch("out/model")) == [7])
  }

  @Test func aKilledSynthIsFoundAgain() throws {
    let scratch = try Scratch()
    let model = try Model("qwen3_vl_300mb")
    let command = ["synth", "-q", "--plugin", "Qwen3VL", "--jobs", "1", "--config", model.config, scratch("sy")]
    let (process, pipes) = Host.process(command)
    try process.run()
    let weights = scratch(".sy.mimo-host-work/out/model.safetensors")
    for _ in 0..<20_000 {
      guard !FileManager.default.fileExists(atPath: weights) else { break }
      usleep(1000)
    }
    kill(process.processIdentifier, SIGKILL)
    _ = Host.finish(process, pipes)
    #expect(scratch.names == [".sy.mimo-host-work"])
    #expect(try rows([scratch.url.path])[".sy.mimo-host-work"]?["state"] as? String == "dead")
    #expect(try Host.run(command).code == 0)
    #expect(scratch.names == ["sy"])
  }

  @Test(arguments: [(SIGHUP, 129), (SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func aStoppedSynthLeavesNothing(_ signal: Int32, _ code: Int32) throws {
    let scratch = try Scratch()
    let model = try Model("qwen3_vl_300mb")
    let (process, pipes) = Host.process(
      ["synth", "-q", "--plugin", "Qwen3VL", "--jobs", "1", "--config", model.config, scratch("sy")])
    try process.run()
    let weights = scratch(".sy.mimo-host-work/out/model.safetensors")
    for _ in 0..<20_000 {
      guard !FileManager.default.fileExists(atPath: weights) else { break }
      usleep(1000)
    }
    kill(process.processIdentifier, signal)
    #expect(Host.finish(process, pipes).code == code)
    #expect(scratch.names.isEmpty)
  }

  @Test func synthDoesNotTakeAStoppedConversionsPlace() throws {
    let scratch = try Scratch()
    try leave(scratch("out"), recorded: true).release()
    let model = try Model("qwen3_vl")
    let outcome = try Host.run(["synth", "--plugin", "Qwen3VL", "--config", model.config, scratch("out")])
    Refusal.judge(outcome, code: 2, words: ["holds the work of a conversion that was stopped", "mimo-host clean"])
    #expect(scratch.names == [".out.mimo-host-work"])
  }
}
