import MimoChecksum
import MimoSystem
import MimoTensor

/// Where the bytes of one tensor lie in its item of a `.distcp` file, and the bytes around them.
///
/// An item is what torch.save writes for a contiguous tensor: `prefix`, then the elements in row-major order, then
/// `suffix`. All offsets count from the start of the item. The sizes are known without building anything, so that a
/// whole checkpoint can be laid out first.
package struct TensorItemLayout: Sendable, Hashable {
  package let dtype: DType
  package let dims: DimVector
  /// Where the elements begin, a multiple of 64.
  package let dataOffset: UInt64
  /// Bytes of the elements.
  package let dataLength: UInt64
  /// Bytes of the whole item.
  package let length: UInt64

  init(_ dtype: DType, _ dims: DimVector) throws(MimoError) {
    guard dtype.torchName != nil else {
      throw MimoError(.unsupported, "torch has no element type \(dtype.rawValue)")
    }
    // The strides of an empty tensor can overflow where its element count does not.
    guard let elements = product(dims), product(dims.map { max($0, 1) }) != nil,
      let bytes = dtype.byteCount(elements: elements), bytes < 1 << 56
    else {
      throw MimoError(.invalidInput, "a tensor of shape \(dims) and type \(dtype.rawValue) is too large")
    }
    self.dtype = dtype
    self.dims = dims
    dataLength = UInt64(bytes)
    let members = TensorItemMembers(dtype, dims, bytes: UInt64(bytes))
    dataOffset = members.data.dataOffset
    length = members.length
  }

  /// The bytes before the elements.
  package func prefix() -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(Int(dataOffset))
    appendPrefix(to: &out)
    return out
  }

  /// Appends the bytes before the elements.
  package func appendPrefix(to out: inout [UInt8]) {
    var members = TensorItemMembers(dtype, dims, bytes: dataLength)
    let pickle = members.sealPickle()
    for (index, content) in [pickle, TorchZipItem.formatVersion, TorchZipItem.storageAlignment, TorchZipItem.byteOrder]
      .enumerated()
    {
      members.entries[index].appendHeader(to: &out)
      out += content
      members.entries[index].appendDescriptor(to: &out)
    }
    members.data.appendHeader(to: &out)
  }

  /// The bytes after the elements, whose CRC-32 (zip's) goes into them.
  package func suffix(dataCRC32: UInt32) -> [UInt8] {
    var members = TensorItemMembers(dtype, dims, bytes: dataLength)
    _ = members.sealPickle()
    members.entries[TensorItemMembers.dataIndex].crc = dataCRC32
    var out: [UInt8] = []
    out.reserveCapacity(Int(length - dataOffset - dataLength))
    members.data.appendDescriptor(to: &out)
    members.appendRest(to: &out)
    return out
  }
}

/// The seven members of a tensor item, placed.
private struct TensorItemMembers {
  static let dataIndex = 4
  private static let names = [
    "data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0", "version", SerializationID.memberName,
  ]
  private static let paths = names.map { Array("archive/\($0)".utf8) }
  private static let nameHash = SerializationID.hash(ofNames: names.dropLast())

  let dtype: DType
  let dims: DimVector
  let elements: Int
  var entries: [ZipEntry]

  init(_ dtype: DType, _ dims: DimVector, bytes: UInt64) {
    self.dtype = dtype
    self.dims = dims
    elements = Int(bytes) / (dtype.bitWidth / 8)
    let pickle = TensorPickle.length(dtype, dims, elements: elements)
    entries = []
    entries.reserveCapacity(Self.paths.count)
    var offset: UInt64 = 0
    for (path, size) in zip(Self.paths, [UInt64(pickle), 1, 2, 6, bytes, 2, UInt64(SerializationID.length)]) {
      let entry = ZipEntry(path, size: size, at: offset)
      entries.append(entry)
      offset = entry.end
    }
    entries[1].crc = TorchZipItem.crc(TorchZipItem.formatVersion)
    entries[2].crc = TorchZipItem.crc(TorchZipItem.storageAlignment)
    entries[3].crc = TorchZipItem.crc(TorchZipItem.byteOrder)
    entries[5].crc = TorchZipItem.crc(TorchZipItem.version)
  }

  var data: ZipEntry { entries[Self.dataIndex] }

  var length: UInt64 {
    let central = entries.reduce(0) { $0 + $1.centralLength }
    return entries[entries.count - 1].end + UInt64(central + ZipEntry.tailLength)
  }

  /// Builds the pickle, notes its CRC.
  mutating func sealPickle() -> [UInt8] {
    var pickle: [UInt8] = []
    pickle.reserveCapacity(Int(entries[0].size))
    TensorPickle.append(dtype, dims, elements: elements, to: &pickle)
    entries[0].crc = TorchZipItem.crc(pickle)
    return pickle
  }

  /// Appends the members behind the data, and the directory.
  mutating func appendRest(to out: inout [UInt8]) {
    let id = Array(
      SerializationID.text(nameHash: Self.nameHash, contents: entries.dropLast().map { ($0.size, $0.crc) }).utf8)
    entries[6].crc = TorchZipItem.crc(id)
    for (index, content) in [(5, TorchZipItem.version), (6, id)] {
      entries[index].appendHeader(to: &out)
      out += content
      entries[index].appendDescriptor(to: &out)
    }
    ZipEntry.appendDirectory(of: entries, at: entries[6].end, to: &out)
  }
}
