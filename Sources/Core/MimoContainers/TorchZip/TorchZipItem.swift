import MimoChecksum
import MimoSystem
import MimoTensor

/// Makes torch.save archives: items of `.distcp` files, `common.pt`, `train_state.pt`.
package enum TorchZipItem {
  static let formatVersion = Array("1".utf8)
  static let storageAlignment = Array("64".utf8)
  static let byteOrder = Array("little".utf8)
  static let version = Array("3\n".utf8)

  /// Layout of an item that holds one contiguous tensor.
  package static func tensor(dtype: DType, dims: DimVector) throws(MimoError) -> TensorItemLayout {
    try TensorItemLayout(dtype, dims)
  }

  /// A whole archive with a Python value, and the storages that it refers to.
  ///
  /// - Parameter root: the folder of the members: `archive` in `.distcp` files, the file's stem in a file of its own.
  package static func object(_ value: PickleValue, storages: [[UInt8]] = [], root: String = "archive") -> [UInt8] {
    var pickle = PickleWriter()
    pickle.value(value)
    return archive(pickle: pickle.finish(), storages: storages, root: root)
  }

  /// The same with a pickle that is written already.
  package static func archive(pickle: [UInt8], storages: [[UInt8]] = [], root: String = "archive") -> [UInt8] {
    var members: [(name: String, content: [UInt8])] = [
      ("data.pkl", pickle), (".format_version", formatVersion), (".storage_alignment", storageAlignment),
      ("byteorder", byteOrder),
    ]
    for (index, storage) in storages.enumerated() { members.append(("data/\(index)", storage)) }
    members.append(("version", version))
    let id = SerializationID.text(
      nameHash: SerializationID.hash(ofNames: members.map(\.name)),
      contents: members.map { (UInt64($0.content.count), crc($0.content)) })
    members.append((SerializationID.memberName, Array(id.utf8)))

    var out: [UInt8] = []
    var entries: [ZipEntry] = []
    for member in members {
      var entry = ZipEntry(
        Array("\(root)/\(member.name)".utf8), size: UInt64(member.content.count), at: UInt64(out.count))
      entry.crc = crc(member.content)
      entry.appendHeader(to: &out)
      out += member.content
      entry.appendDescriptor(to: &out)
      entries.append(entry)
    }
    ZipEntry.appendDirectory(of: entries, at: UInt64(out.count), to: &out)
    return out
  }

  static func crc(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { mimo_crc32(0, $0.baseAddress, $0.count) } }
}

extension PickleValue {
  /// A contiguous tensor over the whole of storage number `storage`.
  package static func tensor(dtype: DType, dims: DimVector, storage: Int) throws(MimoError) -> PickleValue {
    guard let name = dtype.torchName, let elements = product(dims), let bytes = dtype.byteCount(elements: elements)
    else {
      throw MimoError(.unsupported, "torch has no tensor of type \(dtype.rawValue) and shape \(dims)")
    }
    let typed = dtype.torchStorageName
    let storageClass = typed.map { PickleGlobal("torch", $0) } ?? PickleGlobal("torch.storage", "UntypedStorage")
    func ints(_ numbers: DimVector) -> PickleValue { .tuple(numbers.map { .int(Int64($0)) }) }
    var arguments: [PickleValue] = [
      .persistentID(
        .tuple([
          .string("storage"), .global(storageClass), .string(String(storage)), .string("cpu"),
          .int(Int64(typed == nil ? bytes : elements)),
        ])),
      .int(0), ints(dims), ints(rowMajorStrides(dims)), .bool(false),
      .object(PickleObject(.call, PickleGlobal("collections", "OrderedDict"))),
    ]
    if typed == nil { arguments.append(.global(PickleGlobal("torch", name))) }
    let rebuild = PickleGlobal("torch._utils", typed == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2")
    return .object(PickleObject(.call, rebuild, arguments))
  }
}
