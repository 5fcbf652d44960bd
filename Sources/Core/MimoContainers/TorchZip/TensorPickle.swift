import MimoTensor

/// The data.pkl of an item that holds one contiguous tensor, byte for byte as torch.save writes it.
enum TensorPickle {
  /// Everything up to the element count: the call, and the storage it takes.
  private static let heads: [DType: [UInt8]] = Dictionary(
    uniqueKeysWithValues: DType.allCases.filter { $0.torchName != nil }.map { ($0, head($0)) })
  private static let hooks =
    Array("\u{89}".unicodeScalars.map { UInt8($0.value) }) + global("collections", "OrderedDict")

  private static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

  private static func text(_ value: String) -> [UInt8] { [0x58, UInt8(value.utf8.count), 0, 0, 0] + Array(value.utf8) }

  private static func head(_ dtype: DType) -> [UInt8] {
    let storage = dtype.torchStorageName
    var bytes: [UInt8] = [0x80, 2]
    bytes += global("torch._utils", storage == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2") + [0x71, 0]
    bytes += [0x28, 0x28] + text("storage") + [0x71, 1]
    bytes += storage.map { global("torch", $0) } ?? global("torch.storage", "UntypedStorage")
    bytes += [0x71, 2] + text("0") + [0x71, 3] + text("cpu") + [0x71, 4]
    return bytes
  }

  private static func intLength(_ value: Int) -> Int {
    switch value {
    case 0..<256: 2
    case 256..<65536: 3
    case 65536...Int(Int32.max): 5
    default: 2 + (64 - value.leadingZeroBitCount) / 8 + 1
    }
  }

  /// Elements for a typed storage, bytes for an untyped one.
  private static func storageCount(_ dtype: DType, _ elements: Int) -> Int {
    dtype.torchStorageName == nil ? elements * (dtype.bitWidth / 8) : elements
  }

  /// Length of the pickle without building it.
  static func length(_ dtype: DType, _ dims: DimVector, elements: Int) -> Int {
    let strides = rowMajorStrides(dims)
    var count = heads[dtype]?.count ?? 0
    count += intLength(storageCount(dtype, elements)) + 3 + 1 + 2  // t q5 Q, offset
    for i in 0..<dims.count { count += intLength(dims[i]) + intLength(strides[i]) }
    let tuple = dims.isEmpty ? 1 : dims.count > 3 ? 4 : 3
    count += 2 * tuple + hooks.count + 2 + 2 + 2  // OrderedDict q, ) R, q
    if dtype.torchStorageName == nil { count += (dtype.torchName ?? "").utf8.count + 8 + 2 }
    return count + 1 + 2 + 1 + 2 + 1  // t q R q .
  }

  /// Appends the pickle.
  static func append(_ dtype: DType, _ dims: DimVector, elements: Int, to out: inout [UInt8]) {
    out += heads[dtype] ?? []
    appendInt(storageCount(dtype, elements), to: &out)
    out += [0x74, 0x71, 5, 0x51, 0x4B, 0]
    var slot: UInt8 = 6
    func put() {
      out.append(0x71)
      out.append(slot)
      slot += 1
    }
    for numbers in [dims, rowMajorStrides(dims)] {
      if numbers.count > 3 { out.append(0x28) }
      for number in numbers { appendInt(number, to: &out) }
      out.append([0x29, 0x85, 0x86, 0x87, 0x74][min(numbers.count, 4)])
      if !numbers.isEmpty { put() }
    }
    out += hooks
    put()
    out.append(0x29)
    out.append(0x52)
    put()
    if dtype.torchStorageName == nil {
      out += global("torch", dtype.torchName ?? "")
      put()
    }
    out.append(0x74)
    put()
    out.append(0x52)
    put()
    out.append(0x2E)
  }

  private static func appendInt(_ value: Int, to out: inout [UInt8]) {
    switch intLength(value) {
    case 2:
      out.append(0x4B)
      out.append(UInt8(value))
    case 3:
      out.append(0x4D)
      out.appendLittleEndian(UInt16(value))
    case 5:
      out.append(0x4A)
      out.appendLittleEndian(Int32(value))
    case let length:
      out.append(0x8A)
      out.append(UInt8(length - 2))
      for i in 0..<(length - 2) { out.append(i < 8 ? UInt8(truncatingIfNeeded: value >> (8 * i)) : 0) }
    }
  }
}
