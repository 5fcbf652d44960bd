import MimoPlugins
import MimoSystem
import Testing

/// A plugin is tried in a process of its own; here a shell stands for it.
struct RehearsalTests {
  private func rehearsal(_ script: String, timeout: Duration = .seconds(30)) -> PluginRehearsal {
    PluginRehearsal(plugin: "libBad.so", executable: "/bin/sh", arguments: ["-c", script], timeout: timeout)
  }

  @Test(arguments: ["exit 0", "exit 3"]) func comingBackIsEnough(_ script: String) throws {
    try rehearsal(script).run()
  }

  @Test(arguments: [("SEGV", 11), ("ABRT", 6), ("ILL", 4)]) func aCrashIsAnErrorThatNamesTheSignal(
    _ name: String, _ number: Int
  ) throws {
    let error = #expect(throws: MimoError.self) { try rehearsal("ulimit -c 0; kill -\(name) $$").run() }
    #expect(error?.code == .plugin)
    #expect(error?.description.contains("libBad.so: the plugin crashed") == true)
    #expect(error?.description.contains("signal \(number)") == true)
  }

  @Test func aHangEndsInBoundedTime() throws {
    let error = #expect(throws: MimoError.self) { try rehearsal("exec sleep 100", timeout: .milliseconds(200)).run() }
    #expect(error?.description.contains("did not finish") == true)
  }

  @Test func aMissingProgramIsNamed() throws {
    let missing = PluginRehearsal(plugin: "libBad.so", executable: "/nowhere/mimo-host", arguments: [])
    let error = #expect(throws: MimoError.self) { try missing.run() }
    #expect(error?.path == "/nowhere/mimo-host")
  }
}
