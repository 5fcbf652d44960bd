import Foundation
import MimoSystem
import Testing

@testable import MimoPluginHost

/// What the loader and the bridge say to libraries that are no plugins, or bad ones.
@Suite(.enabled(if: ToyPlugin.compiler != nil, "a C compiler is needed to make the bad plugins"))
struct LoaderTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    let fault: Int
    let says: String
    var testDescription: String { "\(fault): \(says)" }
  }

  static let tables = [
    Refusal(fault: 1, says: "speaks ABI 2, this host speaks ABI 1"), Refusal(fault: 2, says: "struct_size 24"),
    Refusal(fault: 3, says: "without a table"), Refusal(fault: 4, says: "no describe function"),
    Refusal(fault: 5, says: "refuses this host: made for the moon"), Refusal(fault: 6, says: "stride 8"),
    Refusal(fault: 7, says: "architectures is NULL with 1"), Refusal(fault: 8, says: "family is no UTF-8"),
    Refusal(fault: 9, says: "its table is of ABI 7"), Refusal(fault: 10, says: "family is empty"),
    Refusal(fault: 11, says: "components hold a name twice"), Refusal(fault: 12, says: "no layouts"),
  ]

  @Test(arguments: tables) func badTablesAreRefused(_ refusal: Refusal) throws {
    let path = try ToyPlugin.path(fault: refusal.fault)
    let error = #expect(throws: MimoError.self) { try PluginLibrary(path: path) }
    #expect(error?.description.contains(refusal.says) == true, "\(String(describing: error))")
    #expect(error?.code == .plugin)
    #expect(error?.path == path)
  }

  static let descriptions = [
    Refusal(fault: 20, says: "failed without saying why"), Refusal(fault: 21, says: "answers 7, which is no status"),
    Refusal(fault: 22, says: "the first reason"), Refusal(fault: 23, says: "dims of w is NULL with 2"),
    Refusal(fault: 24, says: "rank 9"), Refusal(fault: 25, says: "struct_size 16"),
    Refusal(fault: 26, says: "segments, but no split"), Refusal(fault: 27, says: "name is NULL with length 3"),
    Refusal(fault: 28, says: "unknown kernel 42"), Refusal(fault: 29, says: "unknown dtype 99"),
    Refusal(fault: 30, says: "node 5 does not exist"), Refusal(fault: 31, says: "more than 1000 nodes"),
    Refusal(fault: 32, says: "layer 3 of 3"), Refusal(fault: 33, says: "unknown split 9"),
    Refusal(fault: 34, says: "declared no target"), Refusal(fault: 35, says: "a target is NULL"),
    Refusal(fault: 36, says: "q has the unknown encoding 42"), Refusal(fault: 37, says: "struct_size 64"),
    Refusal(fault: 38, says: "the scales of q is empty"), Refusal(fault: 39, says: "can not be stored as fp8(0x128)"),
    Refusal(fault: 40, says: "a has a value of the unknown kind 9"),
  ]

  @Test(arguments: descriptions) func badDescriptionsAreRefused(_ refusal: Refusal) throws {
    let plugin = try PluginLibrary(path: try ToyPlugin.path(fault: refusal.fault))
    let error = #expect(throws: MimoError.self) {
      try plugin.describe(ToyPlugin.model, layout: "megatron", declarationLimit: 1000)
    }
    #expect(error?.description.contains(refusal.says) == true, "\(String(describing: error))")
  }

  /// A slip in config.json is looked for in config.json, not in the plugin.
  @Test func aModelThatIsTooLargeIsSaidWithItsCounts() throws {
    let plugin = try PluginLibrary(path: try ToyPlugin.path(fault: 0))
    guard case .object(var config) = ToyPlugin.model.config else { throw CancellationError() }
    config["num_experts"] = .integer(65536)
    let error = #expect(throws: MimoError.self) {
      try plugin.describe(ModelInput(config: .object(config)), layout: "megatron", declarationLimit: 1)
    }
    #expect(error?.message.contains("(num_experts 65536") == true && error?.message.contains("contract") == false)
  }

  @Test func aSoundPluginIsLoadedAndDescribes() throws {
    let plugin = try PluginLibrary(path: try ToyPlugin.path(fault: 0))
    #expect(plugin.info.family == "Toy")
    let model = try plugin.describe(ToyPlugin.model, layout: "megatron")
    #expect(model.sources.map(\.name) == ["w"])
    #expect(model.targets.map(\.name) == ["w"])
  }

  @Test func aLibraryWithoutTheEntrySymbolIsNoPlugin() throws {
    let path = try ToyPlugin.path(fault: 0, flags: ["-DNO_ENTRY"])
    let error = #expect(throws: MimoError.self) { try PluginLibrary(path: path) }
    #expect(error?.description.contains("does not export mimo_plugin_entry") == true)
  }

  @Test func aTextFileIsNoLibrary() throws {
    let path = Places.tests.appending(path: "BadPlugins/plugin.c").path
    let error = #expect(throws: MimoError.self) { try PluginLibrary(path: path) }
    #expect(error?.description.contains("is no shared library") == true)
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: MimoError.self) { try PluginLibrary(path: "/nowhere/libNone.so") }
    #expect(error?.path == "/nowhere/libNone.so")
  }

  @Test func aModelOfAnotherFamilyIsRefusedWithBothNames() throws {
    let plugin = try PluginLibrary(path: try ToyPlugin.path(fault: 0))
    let other = ModelInput(config: .object(["architectures": .array([.string("LlamaForCausalLM")])]))
    let error = #expect(throws: MimoError.self) { try plugin.describe(other, layout: "megatron") }
    #expect(error?.description.contains("is for LlamaForCausalLM, plugin Toy serves ToyModel") == true)
    #expect(error?.code == .invalidInput)
  }

  @Test func anUnknownLayoutIsAUsageErrorThatNamesTheKnown() throws {
    let plugin = try PluginLibrary(path: try ToyPlugin.path(fault: 0))
    let error = #expect(throws: MimoError.self) { try plugin.describe(ToyPlugin.model, layout: "prime") }
    #expect(error?.code == .usage)
    #expect(error?.description.contains("It has megatron") == true)
  }
}

/// Compiles BadPlugins/plugin.c with one fault.
enum ToyPlugin {
  static let model = ModelInput(config: .object(["architectures": .array([.string("ToyModel")])]))

  static let compiler: String? = ["clang", "cc", "gcc"].lazy.compactMap { name in
    ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }.first

  static func path(fault: Int, flags: [String] = []) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "mimo-toy-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let library = folder.appending(path: "libToy\(fault)\(flags.joined())-\(UUID()).so").path
    let process = Process()
    process.executableURL = URL(filePath: compiler ?? "/usr/bin/cc")
    process.arguments =
      ["-std=c11", "-shared", "-fPIC", "-DFAULT=\(fault)", "-I", Places.header.path] + flags
      + [Places.tests.appending(path: "BadPlugins/plugin.c").path, "-o", library]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return library
  }
}
