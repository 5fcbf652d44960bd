import BadPlugins
import Foundation
import MimoFormats
import MimoSystem
import Testing

@testable import MimoPlugins

/// A plugin that misbehaves costs one error, and nothing of this process.
@Suite(.enabled(if: BadPlugin.compiler != nil, "a C compiler is needed to make the bad plugins"))
struct ProcessTests {
  private func describe(_ name: String, timeout: Duration = .seconds(60)) throws -> MimoError? {
    let bad = try BadPlugin(name)
    let program = PluginProcess.beside(ProgramPath.running).program
    let model = ModelInput(config: try JSONParser.parse(file: try bad.config()))
    do throws(MimoError) {
      let plugin = try PluginLibrary(path: bad.path, process: PluginProcess(program: program, timeout: timeout))
      _ = try plugin.describe(model, layout: "megatron", declarationLimit: 1 << 10)
      return nil
    } catch {
      #expect(error.path == bad.path)
      return error
    }
  }

  @Test(arguments: [
    ("crashes-on-load", "the plugin crashed (SIGSEGV) while it was loaded"),
    ("crashes-on-unload", "the plugin crashed (SIGABRT) while it was unloaded"),
    ("crashes-in-describe", "the plugin crashed (SIGSEGV) in describe for layout megatron"),
    ("aborts", "the plugin crashed (SIGABRT), saying 'toy: assertion failed', in describe for layout megatron"),
    ("exits", "the plugin ended the process (exit code 0) in describe for layout megatron"),
    ("frees-what-is-lent", "crashed (SIGABRT)"), ("lies-about-lengths", "crashed (SIGSEGV) in describe"),
    ("writes-answers-itself", "it is no message of ours"), ("closes-everything", "ended the process (exit code 0)"),
    ("declares-without-end", "takes more than 1024 nodes and targets"),
  ])
  func isOneErrorThatSaysWhatHappened(_ name: String, _ words: String) throws {
    let error = try #require(try describe(name), "it went unseen")
    #expect(error.description.contains(words), "\(error)")
    #expect(error.code == .plugin)
  }

  @Test func aHangEndsInTime() throws {
    let start = MonotonicClock.seconds()
    let error = try describe("hangs", timeout: .seconds(2))
    #expect(error?.description.contains("did not finish within 2 s in describe for layout megatron") == true)
    #expect(MonotonicClock.seconds() - start < 30)
  }

  @Test(arguments: ["sound", "prints", "floods", "leaves-a-process", "leaves-files-open"])
  func whatHurtsNobodyIsTaken(_ name: String) throws {
    #expect(try describe(name) == nil)
  }

  @Test func aProcessThatItStartsEndsWithIt() throws {
    let bad = try BadPlugin("leaves-a-process")
    let plugin = try PluginLibrary(path: bad.path)
    _ = try plugin.describe(ModelInput(config: try JSONParser.parse(file: try bad.config())), layout: "megatron")
    // It was killed; when the system gets to that is the system's business.
    for _ in 0..<1000 where try !processes(of: bad.path).isEmpty { usleep(10_000) }
    #expect(try processes(of: bad.path) == [])
  }

  @Test func aMissingHostIsNamed() throws {
    let bad = try BadPlugin("sound")
    let error = #expect(throws: MimoError.self) {
      try PluginLibrary(path: bad.path, process: PluginProcess(program: "/nowhere/mimo-host"))
    }
    #expect(error?.path == "/nowhere/mimo-host")
    #expect(error?.code == .system)
  }

  /// Numbers of running processes whose command line names `path`.
  private func processes(of path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { number in
      let line = (try? Data(contentsOf: URL(filePath: "/proc/\(number)/cmdline"))) ?? Data()
      return Int(number) != nil && String(decoding: line, as: UTF8.self).contains(path)
    }
  }
}
