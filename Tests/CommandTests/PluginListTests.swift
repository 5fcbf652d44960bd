import BadPlugins
import Foundation
import Testing

/// `plugin list`, in an installation of its own.
@Suite struct PluginListTests {
  /// bin/mimo-host and lib/mimo-host below a folder, removed at its end.
  private final class Installation {
    /// Next to what was built: the program is a hard link, for one just written may still be open for writing in a process
    /// that another test is starting.
    private let root = Host.products.appending(path: "list-test-\(UUID().uuidString)")

    init() throws {
      for folder in ["bin", "lib/mimo-host"] {
        try FileManager.default.createDirectory(atPath: path(folder), withIntermediateDirectories: true)
      }
      try FileManager.default.linkItem(at: Host.executable, to: URL(filePath: path("bin/mimo-host")))
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func path(_ name: String) -> String { root.appending(path: name).path }

    func run(_ arguments: [String]) throws -> Host.Outcome {
      let process = Process()
      process.executableURL = URL(filePath: path("bin/mimo-host"))
      process.arguments = arguments
      let pipes = [Pipe(), Pipe()]
      (process.standardOutput, process.standardError) = (pipes[0], pipes[1])
      try process.run()
      return Host.finish(process, pipes)
    }
  }

  @Test func theListNamesWhatIsShipped() throws {
    let command = try Command(["plugin", "list"])
    #expect(command.status == 0)
    #expect(command.output.contains("Qwen3VL  \(Host.products.path)/libQwen3VL.so\n"))
    #expect(!command.output.contains("ForConditionalGeneration"))
  }

  @Test func probingAsksEach() throws {
    let command = try Command(["plugin", "list", "--probe", "--plugin-timeout", "30"])
    #expect(command.status == 0)
    #expect(command.output.contains("Qwen3VL 1.0.0  "))
    #expect(command.output.contains("Qwen3_5MoeForConditionalGeneration"))
    let json = try Command(["plugin", "list", "--probe", "--json"])
    let rows = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(rows.contains { $0["family"] as? String == "Qwen3VL" && $0["layouts"] != nil })
  }

  @Test func aTimeWithoutProbingIsRefused() throws {
    let command = try Command(["plugin", "list", "--plugin-timeout", "30"])
    #expect(command.status == 2 && command.errors.contains("--plugin-timeout goes with --probe only"))
  }

  /// Libraries beside the program that leave a trace when they are loaded; one of them is a plugin.
  @Test(.enabled(if: BadPlugin.compiler != nil, "a C compiler is needed to make the libraries"))
  func nothingIsRun() throws {
    let place = try Installation()
    let trace = place.path("trace")
    for (name, flags) in [("libTraced.so", []), ("libUnrelated.so", ["-Dmimo_plugin_entry=other_entry"])] {
      let library = try BadPlugin("leaves-a-trace", flags: ["-DTRACE=\"\(trace)\""] + flags)
      try FileManager.default.copyItem(atPath: library.path, toPath: place.path("bin/\(name)"))
    }
    let text = try place.run(["plugin", "list"])
    let folder = URL(filePath: place.path("bin")).resolvingSymlinksInPath().path
    #expect(text.code == 0 && text.output == "Traced  \(folder)/libTraced.so\n", "\(text)")
    let json = try place.run(["plugin", "list", "--json"])
    let rows = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: String]]
    #expect(rows == [["family": "Traced", "path": "\(folder)/libTraced.so"]])
    #expect(!FileManager.default.fileExists(atPath: trace))
    // The trace works: this runs the plugin, and the plugin only.
    let probed = try place.run(["plugin", "list", "--probe"])
    #expect(probed.output.hasPrefix("Toy 0.1  ") && FileManager.default.fileExists(atPath: trace), "\(probed)")
  }

  @Test func aPluginInTheFormerFolderIsRefusedWithTheNewPlace() throws {
    let place = try Installation()
    let library = Host.products.appending(path: "libQwen3MoE.so").path
    try FileManager.default.copyItem(atPath: library, toPath: place.path("lib/libQwen3MoE.so"))
    let outcome = try place.run(["plugin", "describe", "Qwen3MoE"])
    Refusal.judge(outcome, code: 2, words: ["plugins are not looked up in", "/lib/mimo-host, or name it by its path"])
    #expect(try place.run(["plugin", "list"]).output.hasPrefix("no plugins in "))
    try FileManager.default.moveItem(atPath: place.path("lib/libQwen3MoE.so"), toPath: place.path("lib/mimo-host/libQwen3MoE.so"))
    #expect(try place.run(["plugin", "describe", "Qwen3MoE"]).code == 0)
  }
}
