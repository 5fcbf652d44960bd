import Foundation
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

/// Checkpoints that torch, megatron-core and Megatron-Bridge wrote.
@Suite(.enabled(if: TestFiles.shared != nil, "the reference checkpoints are not beside the package"))
struct DistCheckpointReadTests {
  static let samples = TestFiles.checkpoints(below: TestFiles.shared?.appending(path: "samples"))
  static let golden = TestFiles.checkpoints(below: TestFiles.shared?.appending(path: "golden"))

  @Test(arguments: samples) func samplesAreRead(_ name: String) throws {
    let path = try #require(TestFiles.shared).appending(path: "samples/\(name)").path
    let checkpoint = try DistCheckpoint.open(path)
    #expect(!checkpoint.tensors.isEmpty || !checkpoint.objects.isEmpty)
    for tensor in checkpoint.tensors { _ = try checkpoint.assembled(tensor) }
    for object in checkpoint.objects { _ = try checkpoint.read(object) }
    let isMegatron = FileManager.default.fileExists(atPath: path + "/metadata.json")
    #expect((checkpoint.kind == .torchDist) == isMegatron)
    if name.contains("common") || name.contains("mini_full") || name.contains("old") {
      #expect(try checkpoint.commonState()?["iteration"]?.intValue != nil)
    }
  }

  @Test(arguments: golden) func referenceCheckpointsHaveTheReferencesBits(_ name: String) throws {
    let root = try #require(TestFiles.shared).appending(path: "golden")
    let checkpoint = try DistCheckpoint.open(root.appending(path: name).deletingLastPathComponent().path)
    #expect(checkpoint.path.hasSuffix("iter_0000000"))
    #expect(checkpoint.kind == .torchDist)
    #expect(try checkpoint.commonState()?["iteration"] == .int(0))
    for object in checkpoint.objects where object.key.contains("_extra_state") {
      let (item, source) = (try checkpoint.read(object), try checkpoint.source(object.file))
      guard case .list(let values) = item.value, values.count == 1 else {
        Issue.record("\(object.key) is no list of one")
        continue
      }
      // Modules without Transformer Engine have nothing at all.
      if values[0] != .none { #expect(try item.tensor(values[0], in: source).dims == [0]) }
    }
    let family = String(name.prefix { $0 != "/" })
    let expected = try MiniSafeTensors(root.appending(path: "\(family)/full.safetensors"))
    var compared = 0
    for tensor in checkpoint.tensors {
      let bytes = try checkpoint.assembled(tensor)
      let key = tensor.key.replacing("modality_submodules.images.encoders.qwen_visual.", with: "vision_model.")
      if let whole = expected[key] {
        // Padding of the vocabulary is zero rows at the end.
        #expect(bytes.starts(with: whole) && bytes[whole.count...].allSatisfy { $0 == 0 }, "\(tensor.key)")
        #expect(bytes.count == whole.count || family.hasSuffix("_pad"), "\(tensor.key)")
        compared += 1
      } else if let range = key.firstRange(of: ".layers."), tensor.shape.rank > 0 {
        let layers = tensor.shape.dims[0]
        for layer in 0..<layers {
          let name = key.replacingCharacters(in: range, with: ".layers.\(layer).")
          guard let one = expected[name] else { continue }
          #expect(Array(bytes[layer * one.count..<(layer + 1) * one.count]) == one, "\(tensor.key), layer \(layer)")
          compared += 1
        }
      }
    }
    #expect(compared >= 5, "\(compared) of \(checkpoint.tensors.count)")
  }

  @Test func rebuiltTrainStateEqualsTheReferences() throws {
    let file = try #require(TestFiles.shared).appending(path: "golden/qwen3/torch_dist/iter_0000000/train_state.pt")
    #expect(try DistCheckpointCompanions.trainState() == TestFiles.bytes(file))
  }

  @Test func rebuiltCommonStateEqualsTheReferences() throws {
    let path = try #require(TestFiles.shared).appending(path: "golden/qwen3/torch_dist").path
    let checkpoint = try DistCheckpoint.open(path)
    let object = try #require(checkpoint[object: DistCheckpoint.commonStateKey])
    let item = try checkpoint.source(object.file).bytes(at: object.offset, count: Int(object.length))
    #expect(DistCheckpointCompanions.commonItem(DistCheckpointCompanions.commonState()) == item)
  }

  @Test func legacyCheckpointsAreNamed() throws {
    let path = try #require(TestFiles.shared).appending(path: "samples/legacy_torch").path
    let error = #expect(throws: MimoError.self) { try DistCheckpoint.open(path) }
    #expect(error?.code == .unsupported)
    #expect(error?.description.contains("legacy torch format") == true)
  }
}

/// Enough of safetensors for a comparison.
private struct MiniSafeTensors {
  private let bytes: [UInt8]
  private let header: [String: Any]
  private let start: Int

  init(_ file: URL) throws {
    bytes = try TestFiles.bytes(file)
    let length = (0..<8).reversed().reduce(0) { [bytes] in $0 << 8 | Int(bytes[$1]) }
    start = 8 + length
    header = try JSONSerialization.jsonObject(with: Data(bytes[8..<start])) as? [String: Any] ?? [:]
  }

  subscript(name: String) -> [UInt8]? {
    guard let entry = header[name] as? [String: Any], let range = entry["data_offsets"] as? [Int] else { return nil }
    return Array(bytes[start + range[0]..<start + range[1]])
  }
}
