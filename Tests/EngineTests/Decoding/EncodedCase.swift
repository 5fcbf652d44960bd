import AlgebraSupport
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A random tensor that is stored as codes and scales, cut into targets and chunks at random places, and what every
/// byte of the chunks must be, by loops over elements.
struct EncodedCase {
  let form: Encoding.Form
  let dtype: DType
  let dims: [Int]
  let scaleDType: DType
  let description: ModelDescription
  let whole: WholeTensor
  private(set) var wholeFiles: [[UInt8]]
  private(set) var catalog = StoredCatalog()
  private(set) var stored: [UInt8] = []
  private let targets: [PlainTensor]

  /// - Parameter extent: rows of the matrices.
  init(_ form: Encoding.Form, to dtype: DType, _ random: inout Seeded, extent: ClosedRange<Int> = 1...70) throws {
    self.form = form
    self.dtype = dtype
    let columns = form == .mxfp4 ? 32 * random.number(1...3) : random.number(extent)
    dims = (random.oneIn(3) ? [random.number(1...3)] : []) + [random.number(extent), columns]
    let all = shape(dims)
    scaleDType = form.scaleDTypes[random.number(0...(form.scaleDTypes.count - 1))]

    var builder = ModelBuilder(components: ["language"])
    let source = try builder.decode("w", shape: all, Encoding(form, codes: "w.codes", scales: "w.scales"))
    var plain = PlainTensor(source: 0, dims: dims)
    let order = dims.indices.shuffled(using: &random)
    var node = source
    if random.oneIn(2) {
      node = try builder.permute(node, order: order)
      plain = plain.permuted(order)
    }
    let cutDim = random.number(0...(dims.count - 1))
    var targets: [PlainTensor] = []
    var start = 0
    for length in random.cut(plain.dims[cutDim], parts: 3) {
      let part = try builder.narrow(node, dim: cutDim, start: start, length: length)
      _ = try builder.target(
        component: 0, name: "t.\(targets.count)", key: "", node: part, kind: .parameter, dtype: nil,
        placement: Placement(stage: .first), layer: nil, isVocabulary: false)
      targets.append(plain.narrowed(dim: cutDim, start: start, length: length))
      start += length
    }
    self.targets = targets
    description = try builder.finish()

    let codes = WholeTensor(name: "w.codes", dtype: form.codesDType, shape: form.codesShape(of: all), file: 0, offset: 3)
    let scales = WholeTensor(name: "w.scales", dtype: scaleDType, shape: form.scalesShape(of: all), file: 1, offset: 8)
    whole = WholeTensor(
      name: "w", dtype: dtype, shape: all, file: 0, offset: 3, storage: .encoded(form, codes: codes, scales: scales))
    wholeFiles = [[0, 0, 0], [UInt8](repeating: 0, count: 8)]
    wholeFiles[0] += (0..<codes.byteCount).map { _ in EncodedCase.code(form, &random) }
    for _ in 0..<scales.elementCount { wholeFiles[1] += EncodedCase.scale(scaleDType, &random) }
    layChunks(&random)
  }

  /// No NaN, whose bits are not defined on all ways.
  private static func code(_ form: Encoding.Form, _ random: inout Seeded) -> UInt8 {
    let any = UInt8(truncatingIfNeeded: random.next())
    return form != .mxfp4 && any & 0x7F == 0x7F ? 0 : any
  }

  private static func scale(_ type: DType, _ random: inout Seeded) -> [UInt8] {
    guard let format = SlowFloat(type) else { return [UInt8(random.number(0...254))] }
    let value = Double(random.number(-999...999)) / 512 * Double(sign: .plus, exponent: random.number(-12...4), significand: 1)
    let bits = format.bits(value)
    return (0..<type.bitWidth / 8).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
  }

  private mutating func layChunks(_ random: inout Seeded) {
    let width = dtype.bitWidth / 8
    for target in targets {
      let start = catalog.chunks.count
      for box in Region(whole: shape(target.dims)).tiled(random.number(1...5), &random) {
        catalog.chunks.append(
          StoredChunk(region: box, file: 0, offset: UInt64(stored.count), strides: rowMajorStrides(box.extent)))
        for index in indices(Array(box.extent)) {
          let element = target[zip(index, box.offset).map { $0 + $1 }]
          guard case .source(_, let position, _) = element else { continue }
          let bits = SlowFloat(dtype)?.bits(value(position)) ?? 0
          stored += (0..<width).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
        }
      }
      catalog.targets.append(StoredTarget(dtype: dtype, chunks: start..<catalog.chunks.count))
    }
    catalog.files = [StoredFile(path: "stored", size: UInt64(stored.count))]
  }

  // MARK: The plain decode

  private func value(_ position: Int) -> Double {
    switch form {
    case .mxfp4:
      let byte = wholeFiles[0][3 + position / 2]
      let code = Int(position % 2 == 0 ? byte & 15 : byte >> 4)
      let size = [0, 0.5, 1, 1.5, 2, 3, 4, 6][code & 7]
      let power = Double(sign: .plus, exponent: Int(wholeFiles[1][8 + position / 32]) - 127, significand: 1)
      return (code < 8 ? size : -size) * power
    case .fp8Block(let rows, let columns):
      let (width, height) = (dims[dims.count - 1], dims[dims.count - 2])
      let (column, row, matrix) = (position % width, position / width % height, position / width / height)
      let across = (width + columns - 1) / columns
      let down = (height + rows - 1) / rows
      let scale = (matrix * down + row / rows) * across + column / columns
      return SlowFloat(.f32)?.rounded(e4m3(wholeFiles[0][3 + position]) * scaleValue(scale)) ?? .nan
    }
  }

  private func scaleValue(_ index: Int) -> Double {
    let width = scaleDType.bitWidth / 8
    let bits = (0..<width).reduce(UInt64(0)) { $0 | UInt64(wholeFiles[1][8 + index * width + $1]) << UInt64(8 * $1) }
    return SlowFloat(scaleDType)?.value(bits) ?? .nan
  }

  private func e4m3(_ code: UInt8) -> Double {
    let (exponent, mantissa) = (Int(code >> 3) & 15, Double(code & 7) / 8)
    if code & 0x7F == 0x7F { return .nan }
    let size = exponent == 0 ? mantissa / 64 : (1 + mantissa) * Double(sign: .plus, exponent: exponent - 7, significand: 1)
    return code < 128 ? size : -size
  }

  // MARK: The run

  func run(jobs: Int, windowBytes: Int) throws -> (stored: [UInt8], result: MoveResult, progress: Int) {
    let folder = try TemporaryFolder()
    let plan = try ConversionPlan(
      .wholeToStored, description: description, whole: [whole],
      wholeFiles: wholeFiles.enumerated().map { StoredFile(path: "\($0.offset)", size: UInt64($0.element.count)) },
      stored: catalog)
    let sources = try wholeFiles.enumerated().map { number, bytes in
      try File.create(folder("in-\(number)")).write(bytes, at: 0)
      return try File.openForReading(folder("in-\(number)"))
    }
    let target = try File.create(folder("out"), size: UInt64(stored.count))
    let counter = Counter()
    var execution = Execution(plan, resources: Resources(jobs: jobs, memory: jobs * Resources.least())) { bytes, _ in counter.add(bytes) }
    execution.windowBytes = windowBytes
    let result = try execution.run(wholeFiles: sources, storedFiles: [target])
    var bytes = [UInt8](repeating: 0, count: stored.count)
    try bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try target.read(into: buffer, at: 0) }
    }.get()
    return (bytes, result, counter.total)
  }
}
