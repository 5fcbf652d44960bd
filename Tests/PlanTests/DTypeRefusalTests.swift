import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer
import Testing

/// Only floats change their dtype; codes and integers are copied or refused.
@Suite struct DTypeRefusalTests {
  /// What the plan says of one tensor that goes from one dtype to another.
  private func refusal(
    _ left: DType, _ right: DType, _ direction: ConversionPlan.Direction = .wholeToStored, kernel: ElementKernel? = nil,
    elements: Int = 64, storage: WholeTensor.Storage = .plain
  ) throws -> MimoError? {
    let shape = GlobalShape([elements])
    var builder = ModelBuilder(components: ["language"])
    var node = try builder.source("w", shape: shape, published: nil)
    if let kernel { node = try builder.map(node, kernel: kernel) }
    _ = try builder.target(
      component: 0, name: "weight", key: "", node: node, kind: .parameter, dtype: nil, placement: Placement(stage: .first),
      layer: nil, isVocabulary: false)
    let description = try builder.finish()
    var catalog = StoredCatalog()
    catalog.files = [StoredFile(path: "rank-0000.safetensors", size: 1 << 20)]
    catalog.chunks = [StoredChunk(region: Region(whole: shape), file: 0, offset: 0, strides: [1])]
    catalog.targets = [StoredTarget(dtype: right, chunks: 0..<1)]
    let whole = WholeTensor(name: "w", dtype: left, shape: shape, file: 0, offset: 0, storage: storage)
    return error { () throws(MimoError) in
      _ = try ConversionPlan(
        direction, description: description, whole: [whole],
        wholeFiles: [StoredFile(path: "model.safetensors", size: 1 << 20)], stored: catalog)
    }
  }

  @Test(arguments: [
    (.bf16, .bf16), (.f32, .bf16), (.bf16, .f32), (.f16, .bf16), (.i64, .i64), (.f8e4m3, .f8e4m3), (.u8, .u8), (.f64, .f64),
  ] as [(DType, DType)])
  func floatsAreConvertedAndEqualTypesAreCopied(left: DType, right: DType) throws {
    for direction in [ConversionPlan.Direction.wholeToStored, .storedToWhole] {
      #expect(try refusal(left, right, direction) == nil)
    }
  }

  @Test(arguments: [
    (.f8e4m3, .bf16), (.bf16, .f8e4m3), (.u8, .bf16), (.i32, .i64), (.f64, .f32), (.f8e4m3, .u8), (.bool, .u8),
  ] as [(DType, DType)])
  func codesAndIntegersAreNeverTakenForNumbers(left: DType, right: DType) throws {
    for direction in [ConversionPlan.Direction.wholeToStored, .storedToWhole] {
      let found = try refusal(left, right, direction)
      #expect(found?.code == .unsupported && found?.tensor == "w" && found?.path == "model.safetensors")
      #expect(found?.message == "there is no conversion between \(left.rawValue) and \(right.rawValue)")
    }
  }

  @Test func arithmeticIsForFloats() throws {
    #expect(try refusal(.f32, .bf16, kernel: .add(-1)) == nil)
    #expect(try refusal(.bf16, .bf16, kernel: .add(-1)) == nil)
    #expect(try refusal(.i32, .i32, kernel: .add(-1))?.message == "there is no conversion between I32 and I32")
  }

  @Test func elementsOfLessThanAByteAreRefused() throws {
    #expect(try refusal(.f4, .f4)?.message == "F4 has elements of less than a byte, which no layout here splits")
  }

  @Test func aMinimumIsThatOfASmallTensor() throws {
    let most = ElementKernel.largestWhole / 4
    #expect(try refusal(.f32, .f32, kernel: .subtractMinimum, elements: most) == nil)
    let found = try refusal(.f32, .f32, kernel: .subtractMinimum, elements: most + 1)
    #expect(found?.code == .unsupported && found?.tensor == "w")
    #expect(found?.message.contains("at most \(ElementKernel.largestWhole) are looked at as a whole") == true)
  }

  @Test func valuesAreDecodedButNotEncoded() throws {
    let codes = WholeTensor(name: "w_blocks", dtype: .u8, shape: GlobalShape([2, 16]), file: 0, offset: 0)
    let scales = WholeTensor(name: "w_scales", dtype: .u8, shape: GlobalShape([2]), file: 0, offset: 32)
    let storage = WholeTensor.Storage.encoded(.mxfp4, codes: codes, scales: scales)
    #expect(try refusal(.bf16, .bf16, storage: storage) == nil)
    #expect(try refusal(.bf16, .bf16, .storedToWhole, storage: storage)?.message == "values are not encoded on an export")
  }
}
