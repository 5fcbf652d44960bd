import BadPlugins
import Foundation
import MimoJSON
import MimoSystem
import Testing

@testable import MimoPluginHost

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

  @Test(arguments: [
    "sound", "prints", "floods", "leaves-a-process", "leaves-files-open", "starts-processes", "starts-threads",
    "raises-its-limits", "opens-many-files", "signals-others",
  ])
  func whatHurtsNobodyIsTaken(_ name: String) throws {
    #expect(try describe(name) == nil)
  }

  /// Nothing is waited for: when the call returns it is over.
  @Test(arguments: ["leaves-a-process", "starts-processes", "hangs", "burns-time", "crashes-in-describe"])
  func nothingOfItIsLeft(_ name: String) throws {
    let bad = try BadPlugin(name)
    let process = PluginProcess(program: PluginProcess.beside(ProgramPath.running).program, timeout: .seconds(1))
    let plugin = try PluginLibrary(path: bad.path, process: process)
    _ = try? plugin.describe(ModelInput(config: try JSONParser.parse(file: try bad.config())), layout: "megatron")
    #expect(try processes(of: bad.path) == [])
  }

  /// What a plugin may use: its limits, no descriptor but the channels, and of root's rights (without CAP_DAC_READ_SEARCH,
  /// which is not counted in the first two) none.
  @Test func itHasLimitsThatItCanNotRaise() throws {
    let bad = try BadPlugin("says-its-limits")
    let program = PluginProcess.beside(ProgramPath.running).program
    let plugin = try PluginLibrary(path: bad.path, process: PluginProcess(program: program, timeout: .seconds(5)))
    let model = ModelInput(config: try JSONParser.parse(file: try bad.config()))
    let words = try #require(#expect(throws: MimoError.self) { try plugin.describe(model, layout: "megatron") }).message
    #expect(words.contains("AS \(16 << 30) FSIZE 0 CORE 0 NPROC 0 NOFILE 64 CPU 8, open 0, rights 0 0 0 "), "\(words)")
    #expect(words.contains(", nnp 1 filter 2"), "\(words)")
    // What a program that it runs could have.
    if getuid() == 0 { #expect(words.contains("rights 0 0 0 4,") || words.contains("rights 0 0 0 0,"), "\(words)") }
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
