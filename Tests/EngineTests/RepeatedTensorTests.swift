import Foundation
import MimoContainers
import MimoConversion
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTransfer
import Testing

private let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
private let golden = package.deletingLastPathComponent().appending(path: "shared/golden/glm4_moe/hf")

/// GLM-4.5's prediction layer repeats the embedding and the output layer, or has others of its own.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: golden.path), "the golden data is not beside this package"))
struct RepeatedTensorTests {
  private static let repeated = ["model.layers.4.embed_tokens.weight", "model.layers.4.shared_head.head.weight"]

  private let root = FileManager.default.temporaryDirectory.appending(path: "mimo-host-\(UUID().uuidString)")

  /// A copy of the reference checkpoint; `equal`: the repeated tensors are made copies.
  private func source(equal: Bool) throws -> String {
    let copy = root.appending(path: "source")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: golden, to: copy)
    guard equal else { return copy.path }
    let folder = try HuggingFaceFolder.open(copy.path)
    for (to, from) in zip(Self.repeated, ["model.embed_tokens.weight", "lm_head.weight"]) {
      let (target, origin) = (try #require(folder.tensor(to)), try #require(folder.tensor(from)))
      let bytes = try Data(contentsOf: URL(filePath: folder.files[origin.file].path))
      let values = bytes[Int(origin.range.lowerBound)..<Int(origin.range.upperBound)]
      let path = URL(filePath: folder.files[target.file].path)
      var file = try Data(contentsOf: path)
      file.replaceSubrange(Int(target.range.lowerBound)..<Int(target.range.upperBound), with: values)
      try FileManager.default.removeItem(at: path)
      try file.write(to: path)
    }
    return copy.path
  }

  private func request(_ source: String, _ output: String) -> ConversionRequest {
    ConversionRequest(
      source: source, output: root.appending(path: output).path, resources: Resources(jobs: 1, memory: 64 << 20))
  }

  private static func plugin() throws -> PluginLibrary {
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return try PluginLibrary(
      path: URL(filePath: runner).deletingLastPathComponent().appending(path: "libGLM4MoE.so").path)
  }

  /// There and back; answers what the import left out, and the folder that came back.
  private func roundTrip(_ source: String) throws -> (drops: [String], folder: HuggingFaceFolder) {
    var there = request(source, "megatron")
    there.layout = .single(ClusterLayout.SingleRequest())
    let plugin = try Self.plugin()
    let plan = try ImportPlan(there, to: .megatron, from: try .open(source), plugin: plugin)
    let report = try ImportRun(plan, request: there, hostVersion: "test").run { _, _ in }
    let back = request(there.output, "back")
    let way = try ExportPlan(back, from: .dist, plugin: plugin)
    _ = try ExportRun(way, request: back, hostVersion: "test").run { _, _ in }
    return (report.omissions.map(\.name).sorted(), try HuggingFaceFolder.open(back.output))
  }

  @Test func copiesComeBack() throws {
    defer { try? FileManager.default.removeItem(at: root) }
    let source = try source(equal: true)
    let (drops, folder) = try roundTrip(source)
    #expect(drops == [])
    let original = try HuggingFaceFolder.open(source)
    #expect(folder.files.map(\.name) == original.files.map(\.name))
    for (one, other) in zip(folder.files, original.files) {
      #expect(FileManager.default.contentsEqual(atPath: one.path, andPath: other.path), "\(one.name)")
    }
  }

  @Test func othersAreLeftOutByNameAndNotReplacedByCopies() throws {
    defer { try? FileManager.default.removeItem(at: root) }
    let (drops, folder) = try roundTrip(try source(equal: false))
    #expect(drops == Self.repeated)
    #expect(Self.repeated.allSatisfy { folder.tensor($0) == nil })
    #expect(folder.tensor("model.layers.4.shared_head.norm.weight") != nil)
  }
}
