import AlgebraSupport
import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import Testing

/// What a folder must hold for a source that is stored as codes and scales.
@Suite struct EncodedMatchTests {
  static let fp8 = Encoding(.fp8Block(rows: 128, columns: 128), codes: "w", scales: "w_scale_inv")
  static let mxfp4 = Encoding(.mxfp4, codes: "w_blocks", scales: "w_scales")

  struct Refusal: Sendable, CustomTestStringConvertible {
    let what: String
    let encoding: Encoding?
    let tensors: [TensorSpec]
    let tensor: String
    let says: String
    var testDescription: String { what }
  }

  private static func spec(_ name: String, _ dtype: DType, _ dims: [Int]) -> TensorSpec {
    TensorSpec(name: name, dtype: dtype, shape: shape(dims))
  }

  static let refusals = [
    Refusal(
      what: "FP8 without scales", encoding: fp8, tensors: [spec("w", .f8e4m3, [200, 96])], tensor: "w",
      says: "w_scale_inv is missing"),
    Refusal(
      what: "MXFP4 without scales", encoding: mxfp4, tensors: [spec("w_blocks", .u8, [200, 3, 16])],
      tensor: "w_blocks", says: "w_scales is missing"),
    Refusal(
      what: "MXFP4 without codes", encoding: mxfp4, tensors: [spec("w_scales", .u8, [200, 3])], tensor: "w_scales",
      says: "w_blocks is missing"),
    Refusal(
      what: "neither", encoding: mxfp4, tensors: [], tensor: "w_blocks", says: "the checkpoint does not hold it"),
    Refusal(
      what: "codes that nobody decodes", encoding: nil, tensors: [spec("w", .f8e4m3, [200, 96])], tensor: "w",
      says: "F8_E4M3 codes, which are no weights without their scales; the checkpoint has no w_scale_inv"),
    Refusal(
      what: "scales of another shape", encoding: fp8,
      tensors: [spec("w", .f8e4m3, [200, 96]), spec("w_scale_inv", .f32, [1, 1])], tensor: "w_scale_inv",
      says: "shape is [1, 1], but the scales of fp8(128x128) weights [200, 96] are [2, 1]"),
    Refusal(
      what: "codes of another shape", encoding: mxfp4,
      tensors: [spec("w_blocks", .u8, [200, 2, 16]), spec("w_scales", .u8, [200, 3])], tensor: "w_blocks",
      says: "are [200, 3, 16]"),
    Refusal(
      what: "plain values beside scales", encoding: fp8,
      tensors: [spec("w", .bf16, [200, 96]), spec("w_scale_inv", .f32, [2, 1])], tensor: "w", says: "is BF16; the codes of"),
    Refusal(
      what: "codes of another kind", encoding: fp8,
      tensors: [spec("w", .f8e5m2, [200, 96]), spec("w_scale_inv", .f32, [2, 1])], tensor: "w", says: "is F8_E5M2"),
    Refusal(
      what: "scales of another dtype", encoding: fp8,
      tensors: [spec("w", .f8e4m3, [200, 96]), spec("w_scale_inv", .f64, [2, 1])], tensor: "w_scale_inv",
      says: "is F64; the scales of fp8(128x128) weights are F32 or BF16 or F16"),
  ]

  @Test(arguments: refusals) func whatDoesNotFitIsRefused(_ one: Refusal) throws {
    let error = #expect(throws: MimoError.self) { try Self.match(one.encoding, one.tensors) }
    #expect(error?.code == .invalidInput)
    #expect(error?.tensor == one.tensor)
    #expect(error?.description.contains(one.says) == true, "\(String(describing: error))")
  }

  @Test(arguments: [DType.bf16, .f16, .f32]) func codesAndScalesAreOneTensor(dtype: DType) throws {
    let specs = [Self.spec("w", .f8e4m3, [200, 96]), Self.spec("w_scale_inv", .f32, [2, 1])]
    let match = try Self.match(Self.fp8, specs, to: dtype)
    let tensor = try #require(match.whole.first)
    #expect(match.whole.count == 1 && match.drops.map(\.name) == ["other"])
    #expect(tensor.dtype == dtype && tensor.shape == shape([200, 96]))
    #expect(tensor.stored.map(\.name) == ["w", "w_scale_inv"])
    #expect(tensor.storedByteCount == 200 * 96)
  }

  @Test func valuesAreDecodedToFloatsOnly() {
    let specs = [Self.spec("w", .f8e4m3, [200, 96]), Self.spec("w_scale_inv", .f32, [2, 1])]
    let error = #expect(throws: MimoError.self) { try Self.match(Self.fp8, specs, to: .f64) }
    #expect(error?.code == .unsupported)
  }

  /// A declaration that can not be right is the plugin's fault.
  @Test func wrongDeclarationsAreRefused() throws {
    var builder = ModelBuilder(components: ["language"])
    func refused(_ body: () throws -> Void) { #expect(throws: MimoError.self) { try body() } }
    refused { _ = try builder.decode("a", shape: shape([4, 33]), Self.mxfp4) }
    refused { _ = try builder.decode("a", shape: shape([64]), Self.fp8) }
    refused { _ = try builder.decode("a", shape: shape([4, 4]), Encoding(.fp8Block(rows: 0, columns: 1), codes: "c", scales: "s")) }
    refused { _ = try builder.decode("a", shape: shape([4, 4]), Encoding(.fp8Block(rows: .max, columns: 1), codes: "c", scales: "s")) }
    refused { _ = try builder.decode("a", shape: shape([4, 4]), Encoding(.mxfp4, codes: "c", scales: "c")) }
    let first = try builder.decode("w", shape: shape([4, 4]), Self.fp8)
    #expect(try builder.shape(of: first) == shape([4, 4]))
    _ = try builder.decode("w", shape: shape([4, 4]), Self.fp8)
    refused { _ = try builder.source("w", shape: shape([4, 4]), published: nil) }
    refused { _ = try builder.source("w_scale_inv", shape: shape([1, 1]), published: nil) }
  }

  private static func match(
    _ encoding: Encoding?, _ tensors: [TensorSpec], to dtype: DType = .bf16
  ) throws -> SourceMatch {
    let folder = try TemporaryFolder()
    let specs = tensors + [spec("other", .bf16, [2])]
    let (_, head) = try SafeTensorsHeader.lay(out: specs, metadata: nil, path: "model.safetensors")
    let bytes = specs.reduce(0) { $0 + ($1.byteCount ?? 0) }
    try File.create(folder("model.safetensors")).write(head + [UInt8](repeating: 0, count: bytes), at: 0)
    try FileSystem.writeSmallFile(folder("config.json"), Array("{}".utf8))

    var builder = ModelBuilder(components: ["language"])
    let node =
      if let encoding { try builder.decode("w", shape: shape([200, 96]), encoding) } else {
        try builder.source("w", shape: shape([200, 96]), published: nil)
      }
    _ = try builder.target(
      component: 0, name: "w", key: "", node: node, kind: .parameter, dtype: nil,
      placement: Placement(stage: .first), layer: nil, isVocabulary: false)
    try builder.drop(pattern: "other", reason: "it is not asked about here")
    return try SourceMatch(try builder.finish(), try HuggingFaceFolder.open(folder.path), decoded: dtype)
  }
}
