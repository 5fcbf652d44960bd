import Foundation
import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import Testing

/// What the reference decodes the same codes and scales to; see Fixtures/decode/make.py.
@Suite struct ReferenceDecodeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let dtype: DType
    var testDescription: String { "\(name) to \(dtype.rawValue)" }
  }

  static let cases =
    ["fp8_edges", "fp8_f16_scales"].map { Case(name: $0, dtype: .bf16) }
    + ["fp8_small", "fp8_bf16_scales", "mxfp4"].flatMap { name in
      [DType.bf16, .f16, .f32].map { Case(name: name, dtype: $0) }
    }

  @Test(arguments: cases) func bitsAreThoseOfTheReference(_ one: Case) throws {
    let file = try Stored()
    let codes = try file("\(one.name).codes")
    let scales = try file("\(one.name).scales")
    let expected = try file("\(one.name).\(one.dtype.rawValue.lowercased())")
    let form: Encoding.Form = one.name == "mxfp4" ? .mxfp4 : .fp8Block(rows: 128, columns: 128)
    #expect(codes.entry.dtype == form.codesDType && form.scaleDTypes.contains(scales.entry.dtype))
    #expect(codes.entry.shape == form.codesShape(of: expected.entry.shape))
    #expect(scales.entry.shape == form.scalesShape(of: expected.entry.shape))

    let decoder = try #require(Decoder(form, shape: expected.entry.shape, to: one.dtype))
    let count = try #require(expected.entry.shape.elementCount)
    var floats = [UInt8](repeating: 0, count: scales.bytes.count * 4)
    var output = [UInt8](repeating: 0, count: expected.bytes.count)
    scales.bytes.withUnsafeBytes { scales in
      floats.withUnsafeMutableBytes { floats in
        if form == .mxfp4 { floats.copyMemory(from: scales) }
      }
    }
    if form != .mxfp4 { widen(scales, into: &floats) }
    codes.bytes.withUnsafeBytes { codes in
      floats.withUnsafeBytes { floats in
        output.withUnsafeMutableBytes { output in
          if let c = codes.baseAddress, let s = floats.baseAddress, let o = output.baseAddress {
            decoder.decode(0..<count, codes: c, scales: s, into: o)
          }
        }
      }
    }
    // The bits of a NaN depend on which of its loops torch ran; ours are always the same.
    let width = one.dtype.bitWidth / 8
    var different = 0
    for i in 0..<count {
      let (mine, theirs) = (bits(output, i, width), bits(expected.bytes, i, width))
      if mine != theirs, !(isNaN(mine, one.dtype) && isNaN(theirs, one.dtype)) { different += 1 }
    }
    #expect(different == 0)
  }

  private func widen(_ scales: (entry: SafeTensorsEntry, bytes: [UInt8]), into floats: inout [UInt8]) {
    scales.bytes.withUnsafeBytes { source in
      floats.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        Decoder.widen(scales.entry.shape.elementCount ?? 0, of: scales.entry.dtype, from: source, to: target)
      }
    }
  }

  private func bits(_ bytes: [UInt8], _ element: Int, _ width: Int) -> UInt32 {
    (0..<width).reduce(0) { $0 | UInt32(bytes[element * width + $1]) << UInt32(8 * $1) }
  }

  private func isNaN(_ bits: UInt32, _ dtype: DType) -> Bool {
    switch dtype {
    case .bf16: Float(bitPattern: bits << 16).isNaN
    case .f16: Float16(bitPattern: UInt16(bits)).isNaN
    default: Float(bitPattern: bits).isNaN
    }
  }
}

/// The fixture's tensors.
private struct Stored {
  private let file: File
  private let header: SafeTensorsHeader

  init() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    file = try File.openForReading(folder.appending(path: "Fixtures/decode/decode.safetensors").path)
    header = try SafeTensorsHeader.parse(file)
  }

  func callAsFunction(_ name: String) throws -> (entry: SafeTensorsEntry, bytes: [UInt8]) {
    let entry = try #require(header.entries.first { $0.name == name })
    var bytes = [UInt8](repeating: 0, count: entry.range.count)
    try bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: entry.range.lowerBound) }
    }.get()
    return (entry, bytes)
  }
}
