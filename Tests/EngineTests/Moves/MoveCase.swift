import AlgebraSupport
import Glibc
import MimoMapping
import MimoSystem
import MimoTensor

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A random model on both sides of a conversion: whole tensors and stored chunks in some files each, and what every
/// byte must be, by loops over elements.
struct MoveCase {
  enum Values {
    /// One dtype on both sides, any bits.
    case bytes(DType)
    /// A float dtype of its own for each tensor on both sides, with kernels.
    case floats
  }

  let description: ModelDescription
  let targets: [PlainTensor]
  private(set) var whole: [WholeTensor] = []
  private(set) var wholeFiles: [[UInt8]] = []
  private(set) var catalog = StoredCatalog()
  /// What the stored files must hold after the way there, and the whole files after the way back.
  private(set) var stored: [[UInt8]] = []
  private(set) var restored: [[UInt8]] = []
  /// Elements of each source that the way back does not restore.
  private(set) var lost: [Int: Int] = [:]
  /// Elements of what is stored that the way there, after the way back, does not give.
  private(set) var lostBack: [Int: Int] = [:]

  init(_ random: inout Seeded, _ values: Values, _ limits: RandomModel.Limits = .init()) throws {
    var limits = limits
    if case .bytes = values { limits.kernels = false }
    var model = try RandomModel(&random, limits)
    try model.declareAll()
    targets = model.targets
    description = try model.builder.finish()
    layWhole(values, &random)
    try layChunks(values, &random)
    convert()
  }

  // MARK: Places

  private mutating func layWhole(_ values: Values, _ random: inout Seeded) {
    var sizes = [Int](repeating: 8, count: random.number(1...2))
    var places = [Int: WholeTensor]()
    for source in description.sources.indices.shuffled(using: &random) {
      let declared = description.sources[source]
      let file = random.number(0...(sizes.count - 1))
      let dtype = Self.dtype(values, &random)
      let tensor = WholeTensor(
        name: declared.name, dtype: dtype, shape: declared.shape, file: file, offset: UInt64(sizes[file]))
      sizes[file] += tensor.byteCount
      places[source] = tensor
    }
    whole = description.sources.indices.compactMap { places[$0] }
    wholeFiles = sizes.map { [UInt8](repeating: 0, count: $0) }
    for tensor in whole {
      for element in 0..<tensor.elementCount {
        Self.put(Self.bits(tensor.dtype, values, &random), tensor.dtype, &wholeFiles[tensor.file], Int(tensor.offset), element)
      }
    }
  }

  private static func dtype(_ values: Values, _ random: inout Seeded) -> DType {
    switch values {
    case .bytes(let type): type
    case .floats: [.bf16, .f16, .f32][random.number(0...2)]
    }
  }

  /// Any bits; of floats no NaN, whose bits are not defined on all ways, and mostly numbers that all formats know.
  private static func bits(_ type: DType, _ values: Values, _ random: inout Seeded) -> UInt64 {
    guard case .floats = values, let format = SlowFloat(type) else { return random.next() }
    if random.oneIn(2) { return format.bits(Double(random.number(-256...256)) / 64) }
    let any = random.next() & (1 << UInt64(type.bitWidth) - 1)
    return format.value(any).isNaN ? 0 : any
  }

  private mutating func layChunks(_ values: Values, _ random: inout Seeded) throws {
    var sizes = [Int](repeating: 16, count: random.number(1...3))
    for target in description.targets {
      let dtype = Self.dtype(values, &random)
      let start = catalog.chunks.count
      let boxes = Region(whole: target.shape).tiled(random.number(1...5), &random)
      var held = boxes.map { ($0, false) }
      if random.oneIn(2), let copied = boxes.randomElement(using: &random) {
        held.append((copied, true))
        held.append((copied.tiled(2, &random)[0], true))
      }
      for (box, isReplica) in held.shuffled(using: &random) {
        let file = random.number(0...(sizes.count - 1))
        let strides = Self.strides(Array(box.extent), &random)
        sizes[file] += random.number(0...3)
        catalog.chunks.append(
          StoredChunk(region: box, file: file, offset: UInt64(sizes[file]), strides: strides, isReplica: isReplica))
        sizes[file] += StridedBlock.span(box.extent, strides) * (dtype.byteWidth ?? 1)
      }
      catalog.targets.append(StoredTarget(dtype: dtype, chunks: start..<catalog.chunks.count))
    }
    catalog.files = sizes.enumerated().map { StoredFile(path: "stored-\($0.offset)", size: UInt64($0.element)) }
    stored = sizes.map { [UInt8](repeating: 0, count: $0) }
  }

  /// Mostly row-major; else a box of a wider tensor, or a transposed one.
  private static func strides(_ extent: [Int], _ random: inout Seeded) -> DimVector {
    guard random.oneIn(3) else { return rowMajorStrides(vector(extent)) }
    var strides = extent.map { _ in 1 }
    var step = 1
    let order = random.oneIn(2) ? Array(extent.indices.reversed()) : extent.indices.shuffled(using: &random)
    for dim in order {
      strides[dim] = step
      step = step * extent[dim] + random.number(0...2)
    }
    return vector(strides)
  }

  // MARK: The plain conversion

  private mutating func convert() {
    restored = wholeFiles
    for (target, plain) in targets.indices.map({ ($0, targets[$0]) }) {
      let type = catalog.targets[target].dtype
      for chunk in catalog.targets[target].chunks {
        let place = catalog.chunks[chunk]
        for index in indices(Array(place.region.extent)) {
          let element = plain[zip(index, place.region.offset).map { $0 + $1 }]
          guard case .source(let source, let number, let isMapped) = element else { continue }
          convert(source, number, isMapped, type, place, dot(index, place.strides))
        }
      }
    }
  }

  private mutating func convert(
    _ source: Int, _ number: Int, _ isMapped: Bool, _ type: DType, _ place: StoredChunk, _ position: Int
  ) {
    let tensor = whole[source]
    let bits = Self.get(tensor.dtype, wholeFiles[tensor.file], Int(tensor.offset), number)
    var (there, back, again) = (bits, bits, bits)
    if tensor.dtype != type || isMapped,
      let slow = SlowConversion(left: tensor.dtype, right: type, addend: isMapped ? -1 : nil)
    {
      there = slow.toRight(bits)
      back = slow.toLeft(there)
      again = slow.toRight(back)
    }
    Self.put(there, type, &stored[place.file], Int(place.offset), position)
    if place.isReplica { return }
    Self.put(back, tensor.dtype, &restored[tensor.file], Int(tensor.offset), number)
    if back != bits { lost[source, default: 0] += 1 }
    if again != there { lostBack[source, default: 0] += 1 }
  }

  private static func put(_ bits: UInt64, _ type: DType, _ bytes: inout [UInt8], _ start: Int, _ element: Int) {
    let width = type.byteWidth ?? 1
    for i in 0..<width { bytes[start + element * width + i] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * i)) }
  }

  private static func get(_ type: DType, _ bytes: [UInt8], _ start: Int, _ element: Int) -> UInt64 {
    let width = type.byteWidth ?? 1
    return (0..<width).reduce(0) { $0 | UInt64(bytes[start + element * width + $1]) << UInt64(8 * $1) }
  }

  // MARK: The run

  struct Outcome {
    var files: [[UInt8]]
    var result: MoveResult
    /// Bytes that the handler was told of.
    var progress: Int
  }

  /// Moves `input` into new files of a folder that is gone afterwards.
  func run(
    _ direction: ConversionPlan.Direction, input: [[UInt8]], jobs: Int, windowBytes: Int?
  ) throws -> Outcome {
    let folder = try TemporaryFolder()
    let plan = try plan(direction)
    let outputs = direction == .wholeToStored ? stored : restored
    let source = try input.enumerated().map { number, bytes in
      let path = folder("in-\(number)")
      try File.create(path).write(bytes, at: 0)
      return try File.openForReading(path)
    }
    let target = try outputs.enumerated().map { try File.create(folder("out-\($0.offset)"), size: UInt64($0.element.count)) }
    let counter = Counter()
    var execution = Execution(plan, resources: Resources(jobs: jobs, memory: jobs * Resources.least())) { bytes, _ in counter.add(bytes) }
    if let windowBytes { execution.windowBytes = windowBytes }
    let isForward = direction == .wholeToStored
    let result = try execution.run(wholeFiles: isForward ? source : target, storedFiles: isForward ? target : source)
    return Outcome(files: try target.map(Self.bytes), result: result, progress: counter.total)
  }

  func plan(_ direction: ConversionPlan.Direction) throws -> ConversionPlan {
    try ConversionPlan(
      direction, description: description, whole: whole,
      wholeFiles: wholeFiles.enumerated().map { StoredFile(path: "whole-\($0.offset)", size: UInt64($0.element.count)) },
      stored: catalog)
  }

  private static func bytes(_ file: File) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
    let outcome = bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: 0) }
    }
    try outcome.get()
    return bytes
  }
}
