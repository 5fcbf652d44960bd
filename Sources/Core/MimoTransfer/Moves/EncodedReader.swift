import MimoChecksum
import MimoMapping
import MimoSystem
import MimoTensor

/// Reads windows of tensors that are stored as codes and scales, and decodes them.
package struct EncodedReader: ~Copyable {
  /// What was read: raw CRC-64 of the bytes that only this window has, shifted to their place in their tensor.
  package struct Seen {
    var bytes: Int
    var codesDigest: UInt64
    var scalesDigest: UInt64
    /// CRC-64 of all scales that were read: neighbours share some.
    var scalesRead: UInt64
  }

  private var codes = ByteBuffer()
  private var scales = ByteBuffer()
  private var widened = ByteBuffer()

  package init() {}

  /// Fills `buffer` with the elements of the window.
  package mutating func read(
    _ elements: Range<Int>, of tensor: WholeTensor, _ form: Encoding.Form, codes stored: WholeTensor,
    scales storedScales: WholeTensor, files: [File], into buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) -> Seen {
    guard let decoder = Decoder(form, shape: tensor.shape, to: tensor.dtype) else {
      throw MimoError(.internalError, "no decoding to \(tensor.dtype.rawValue) was planned")
    }
    let codeRange = form.codeBytes(of: elements)
    let codeBytes = try codes.reserve(codeRange.count)
    try files[stored.file].read(into: codeBytes, at: stored.offset + UInt64(codeRange.lowerBound))

    let needed = form.scales(of: elements, in: tensor.shape)
    let width = storedScales.dtype.byteWidth ?? 1
    let scaleBytes = try scales.reserve(needed.count * width)
    try files[storedScales.file].read(into: scaleBytes, at: storedScales.offset + UInt64(needed.lowerBound * width))

    guard let target = buffer.baseAddress, let codeBase = codeBytes.baseAddress, let scaleBase = scaleBytes.baseAddress
    else { throw MimoError(.internalError, "an empty window") }
    let factors = try factors(form, storedScales.dtype, scaleBase, count: needed.count)
    decoder.decode(elements, codes: codeBase, scales: factors, into: target)

    let own = form.ownScales(of: elements, in: tensor.shape)
    let ownBytes = (own.lowerBound - needed.lowerBound) * width
    return Seen(
      bytes: codeBytes.count + scaleBytes.count,
      codesDigest: digest(codeBase, codeRange.count, at: codeRange.lowerBound, of: stored),
      scalesDigest: own.isEmpty
        ? 0 : digest(scaleBase + ownBytes, own.count * width, at: own.lowerBound * width, of: storedScales),
      scalesRead: mimo_crc64(0, scaleBase, scaleBytes.count))
  }

  /// Scales in the form that the decoder takes.
  private mutating func factors(
    _ form: Encoding.Form, _ dtype: DType, _ stored: UnsafeMutableRawPointer, count: Int
  ) throws(MimoError) -> UnsafeRawPointer {
    guard case .fp8Block = form, dtype != .f32 else { return UnsafeRawPointer(stored) }
    let wide = try widened.reserve(count * MemoryLayout<Float>.size)
    guard let base = wide.baseAddress else { return UnsafeRawPointer(stored) }
    Decoder.widen(count, of: dtype, from: stored, to: base)
    return UnsafeRawPointer(base)
  }

  private func digest(_ bytes: UnsafeRawPointer, _ count: Int, at position: Int, of tensor: WholeTensor) -> UInt64 {
    mimo_crc64_shift(mimo_crc64_raw(0, bytes, count), UInt64(tensor.byteCount - position - count))
  }
}
