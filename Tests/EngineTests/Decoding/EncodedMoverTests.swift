import AlgebraSupport
import MimoMapping
import MimoSystem
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Sources that are stored as codes and scales, moved in windows of any size into chunks cut at any place.
@Suite struct EncodedMoverTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let form: Encoding.Form
    var testDescription: String { form.name }
  }

  static let forms = [
    Form(form: .mxfp4), Form(form: .fp8Block(rows: 8, columns: 8)), Form(form: .fp8Block(rows: 3, columns: 20)),
    Form(form: .fp8Block(rows: 1, columns: 16)), Form(form: .fp8Block(rows: 128, columns: 128)),
    Form(form: .fp8Block(rows: 5, columns: 1)),
  ]

  @Test(arguments: forms, [DType.bf16, .f16, .f32])
  func elementsAreThoseOfThePlainDecode(_ form: Form, to dtype: DType) throws {
    for seed in 0..<8 {
      var random = Seeded(seed)
      let one = try EncodedCase(form.form, to: dtype, &random)
      for jobs in 1...2 {
        let window = random.oneIn(3) ? 1 << 20 : random.number(1...700)
        let outcome = try one.run(jobs: jobs, windowBytes: window)
        #expect(outcome.stored == one.stored, "seed \(seed), \(one.dims), windows of \(window)")
        #expect(outcome.result.lost.isEmpty)
        #expect(outcome.progress == one.wholeFiles[0].count - 3)
        #expect(outcome.result.wholeDigests == [PlainCRC.crc64(one.wholeFiles[0].dropFirst(3))], "seed \(seed)")
        #expect(outcome.result.scaleDigests == [0: PlainCRC.crc64(one.wholeFiles[1].dropFirst(8))], "seed \(seed)")
      }
    }
  }

  /// Blocks of the real size, more than a strip of them, edges that are cut off, and cuts inside of blocks.
  @Test(arguments: [200..<329, 2300..<2301])
  func blocksOfTheRealSize(columns: Range<Int>) throws {
    var random = Seeded(columns.lowerBound)
    let extent = columns.lowerBound...(columns.upperBound - 1)
    let small = extent.lowerBound > 1000 ? 130...140 : extent
    let form = Encoding.Form.fp8Block(rows: 128, columns: 128)
    let shape = shape([random.number(small), random.number(extent)])
    try DecodeCheck(form, shape).run(windows: 3, &random)
  }

  @Test func windowsShareNoScaleAndLeaveNoneOut() {
    for seed in 0..<200 {
      var random = Seeded(seed)
      let form = Encoding.Form.fp8Block(rows: random.number(1...5), columns: random.number(1...5))
      let shape = shape(random.dims(rank: 2...3, extent: 1...9))
      let count = shape.elementCount ?? 0
      let scales = form.scalesShape(of: shape).elementCount ?? 0
      var next = 0
      var start = 0
      for length in random.cut(count, parts: 6) {
        let window = start..<start + length
        let own = form.ownScales(of: window, in: shape)
        let needed = form.scales(of: window, in: shape)
        #expect(own.isEmpty || own.lowerBound == next, "seed \(seed)")
        #expect(own.isEmpty || (needed.lowerBound <= own.lowerBound && own.upperBound <= needed.upperBound))
        next = max(next, own.upperBound)
        start += length
      }
      #expect(next == scales, "seed \(seed): \(shape)")
    }
  }

  @Test func valuesAreNotEncodedOnTheWayBack() throws {
    var random = Seeded(1)
    let one = try EncodedCase(.mxfp4, to: .bf16, &random)
    #expect(throws: MimoError.self) {
      try ConversionPlan(
        .storedToWhole, description: one.description, whole: [one.whole], wholeFiles: [], stored: one.catalog)
    }
  }
}

/// A decode in windows against one of a row at a time, which knows no tables.
private struct DecodeCheck {
  let form: Encoding.Form
  let shape: GlobalShape

  init(_ form: Encoding.Form, _ shape: GlobalShape) {
    self.form = form
    self.shape = shape
  }

  func run(windows: Int, _ random: inout Seeded) throws {
    let decoder = try #require(Decoder(form, shape: shape, to: .bf16))
    let columns = shape.dims[1]
    let count = columns * shape.dims[0]
    let codes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let scales = (0..<(form.scalesShape(of: shape).elementCount ?? 0)).map { _ in Float(random.number(-999...999)) / 4096 }
    let byRow = (0..<shape.dims[0]).flatMap { row in
      decode(decoder, row * columns..<(row + 1) * columns, codes, scales)
    }
    var start = 0
    for length in random.cut(count, parts: windows) {
      let window = start..<start + length
      #expect(decode(decoder, window, codes, scales) == Array(byRow[window]), "\(shape) \(window)")
      start += length
    }
  }

  private func decode(_ decoder: Decoder, _ window: Range<Int>, _ codes: [UInt8], _ scales: [Float]) -> [UInt16] {
    let needed = form.scales(of: window, in: shape)
    var output = [UInt16](repeating: 0, count: window.count)
    codes.withUnsafeBytes { codes in
      scales.withUnsafeBytes { scales in
        output.withUnsafeMutableBytes { output in
          guard let c = codes.baseAddress, let s = scales.baseAddress, let o = output.baseAddress else { return }
          decoder.decode(window, codes: c + window.lowerBound, scales: s + needed.lowerBound * 4, into: o)
        }
      }
    }
    return output
  }
}
