import AlgebraSupport
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Chunks of one tensor into other chunks of it, held against loops over elements.
@Suite struct RelayTests {
  /// One side: the tensor in random boxes, some of them twice, in random order in one file.
  private struct Side {
    let dims: [Int]
    var catalog = StoredCatalog()
    var bytes: [UInt8]

    init(_ dims: [Int], _ dtype: DType, _ random: inout Seeded) {
      self.dims = dims
      var end = random.number(0...9)
      let boxes = Region(whole: shape(dims)).tiled(random.number(1...9), &random)
      let width = dtype.byteWidth ?? 1
      for box in boxes.shuffled(using: &random) {
        for copy in 0...(random.oneIn(4) ? 1 : 0) {
          catalog.chunks.append(
            StoredChunk(
              region: box, file: 0, offset: UInt64(end), strides: rowMajorStrides(box.extent), isReplica: copy > 0))
          end += box.volume * width + random.number(0...3)
        }
      }
      catalog.targets = [StoredTarget(dtype: dtype, chunks: 0..<catalog.chunks.count)]
      catalog.files = [StoredFile(path: "file", size: UInt64(end))]
      bytes = [UInt8](repeating: 0, count: end)
    }

    func description(isVocabulary: Bool) -> ModelDescription {
      var model = ModelDescription()
      model.targets = [
        TargetDeclaration(
          component: 0, name: "tensor", key: "tensor", shape: shape(dims), fragments: [], kind: .parameter, dtype: nil,
          placement: Placement(stage: .first), layer: nil, isVocabulary: isVocabulary)
      ]
      return model
    }

    /// Writes element after element; `value` gets the index and the byte within the element.
    mutating func fill(width: Int, _ value: ([Int], Int) -> UInt8) {
      for chunk in catalog.chunks {
        for (number, local) in indices(chunk.region.extent).enumerated() {
          let index = zip(local, chunk.region.offset).map { $0 + $1 }
          for byte in 0..<width { bytes[Int(chunk.offset) + number * width + byte] = value(index, byte) }
        }
      }
    }

    func bytes(of chunk: StoredChunk, width: Int) -> ArraySlice<UInt8> {
      bytes[Int(chunk.offset)..<(Int(chunk.offset) + chunk.region.volume * width)]
    }
  }

  private static func value(_ index: [Int], _ byte: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: index.reduce(byte &+ 1) { $0 &* 31 &+ $1 &* 7 &+ 3 })
  }

  private static func run(
    _ input: Side, _ output: Side, isVocabulary: Bool, _ random: inout Seeded
  ) throws -> (bytes: [UInt8], result: MoveResult) {
    let folder = try TemporaryFolder()
    try File.create(folder("in")).write(input.bytes, at: 0)
    let target = try File.create(folder("out"), size: UInt64(output.bytes.count))
    let plan = try ConversionPlan(
      from: input.description(isVocabulary: isVocabulary), input.catalog,
      to: output.description(isVocabulary: isVocabulary), output.catalog, names: ["tensor"])
    var execution = Execution(plan, resources: Resources(jobs: random.number(1...3), memory: 3 * Resources.least())) { _, _ in }
    execution.windowBytes = random.number(1...64)
    let result = try execution.run(wholeFiles: [try File.openForReading(folder("in"))], storedFiles: [target])
    return (try FileSystem.readSmallFile(folder("out")), result)
  }

  @Test(arguments: 0..<150) func everyElementIsWhereTheOtherChunksHaveIt(seed: Int) throws {
    var random = Seeded(seed)
    let dtype: DType = [.u8, .bf16, .f32, .i64][random.number(0...3)]
    let width = dtype.byteWidth ?? 1
    let dims = random.dims(rank: 1...3, extent: 1...7)
    let isVocabulary = random.oneIn(2)
    var padded = dims
    if isVocabulary { padded[0] = random.number(1...9) }
    var (input, output) = (Side(dims, dtype, &random), Side(padded, dtype, &random))
    input.fill(width: width, RelayTests.value)
    output.fill(width: width) { index, byte in index[0] < dims[0] ? RelayTests.value(index, byte) : 0 }
    let moved = try RelayTests.run(input, output, isVocabulary: isVocabulary, &random)
    #expect(moved.bytes == output.bytes)
    for (number, chunk) in output.catalog.chunks.enumerated() {
      #expect(moved.result.chunkDigests[number] == PlainCRC.crc32(output.bytes(of: chunk, width: width)))
    }
    for (number, chunk) in input.catalog.chunks.enumerated() where moved.result.gathered.areWhole[number] {
      #expect(moved.result.gathered.digests[number] == PlainCRC.crc32(input.bytes(of: chunk, width: width)))
    }
    let common = [min(dims[0], padded[0])] + dims.dropFirst()
    let whole = indices(common).flatMap { index in (0..<width).map { RelayTests.value(index, $0) } }
    #expect(moved.result.wholeDigests == [PlainCRC.crc64(whole)])
  }

  @Test func aCopyThatDiffersIsRefused() throws {
    var random = Seeded(1)
    var input = Side([6, 5], .bf16, &random)
    while !input.catalog.chunks.contains(where: \.isReplica) { input = Side([6, 5], .bf16, &random) }
    input.fill(width: 2, RelayTests.value)
    let copies = input.catalog.chunks.filter(\.isReplica)
    let copy = try #require(copies.first)
    input.bytes[Int(copy.offset)] ^= 1
    let output = Side([6, 5], .bf16, &random)
    let failure = #expect(throws: MimoError.self) {
      try RelayTests.run(input, output, isVocabulary: false, &random)
    }
    #expect(failure?.message.contains("differs from the original") == true)
  }

  @Test func anotherShapeIsRefusedByName() throws {
    var random = Seeded(2)
    let (input, output) = (Side([6, 5], .u8, &random), Side([6, 4], .u8, &random))
    let failure = #expect(throws: MimoError.self) {
      try RelayTests.run(input, output, isVocabulary: true, &random)
    }
    #expect(failure?.tensor == "tensor" && failure?.message.contains("[6, 5]") == true)
  }
}
