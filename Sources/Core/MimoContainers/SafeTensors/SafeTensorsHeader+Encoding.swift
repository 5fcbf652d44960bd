import MimoJSON
import MimoSystem
import MimoTensor

extension SafeTensorsHeader {
  /// The head of a new file with these tensors in this order, and its bytes.
  ///
  /// `padding` is the number of spaces after the JSON; nil fills up to a multiple of 8 bytes, as the library does.
  package static func lay(
    out tensors: [TensorSpec], metadata: [MetadataMember]? = nil, padding: Int? = nil, path: String? = nil
  ) throws(MimoError) -> (header: SafeTensorsHeader, bytes: [UInt8]) {
    let ends = try ends(of: tensors, path: path)
    let json = spelling(tensors, ends: ends, metadata: metadata)
    let spaces = padding ?? (8 - json.count % 8) % 8
    let length = UInt64(json.count) + UInt64(spaces)
    guard length <= lengthLimit else {
      throw MimoError(
        .invalidInput, "header of \(counted(tensors.count, "tensor")) takes \(length) bytes, safetensors allows \(lengthLimit)",
        path: path, remedy: "Write the tensors to more files")
    }
    var bytes = lengthPrefix(length)
    bytes.reserveCapacity(8 + Int(length))
    bytes.append(contentsOf: json)
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))

    let start = 8 + length
    var entries: [SafeTensorsEntry] = []
    entries.reserveCapacity(tensors.count)
    var begin: UInt64 = 0
    for (tensor, end) in zip(tensors, ends) {
      entries.append(SafeTensorsEntry(spec: tensor, range: (start + begin)..<(start + end)))
      begin = end
    }
    let header = SafeTensorsHeader(
      entries: entries, metadata: metadata, padding: spaces, foreignSpelling: nil, dataStart: start)
    return (header, bytes)
  }

  /// Length and JSON: the bytes before the first tensor. Of a header that was read, exactly those of its file.
  package func encoded() -> [UInt8] {
    let json =
      foreignSpelling
      ?? SafeTensorsHeader.spelling(
        tensors, ends: entries.map { $0.range.upperBound - dataStart }, metadata: metadata)
    let start = SafeTensorsHeader.lengthPrefix(UInt64(json.count) + UInt64(padding)) + json
    // The padding may be far longer than all else: no second copy of it is made.
    return [UInt8](unsafeUninitializedCapacity: start.count + padding) { buffer, count in
      count = start.count + padding
      let rest = buffer[buffer.initialize(fromContentsOf: start)..<count]
      UnsafeMutableBufferPointer(rebasing: rest).initialize(repeating: UInt8(ascii: " "))
    }
  }

  /// The JSON as serde_json spells it in the library: metadata first, then the tensors in the order of their bytes.
  static func spelling(_ tensors: [TensorSpec], ends: [UInt64], metadata: [MetadataMember]?) -> [UInt8] {
    var json = JSONWriter(.compact)
    json.append(raw: "{")
    if let metadata { append(metadata, to: &json) }
    var begin: UInt64 = 0
    for (position, tensor) in tensors.enumerated() {
      if position > 0 || metadata != nil { json.append(raw: ",") }
      append(tensor, begin..<ends[position], to: &json)
      begin = ends[position]
    }
    json.append(raw: "}")
    return json.bytes
  }

  private static func append(_ metadata: [MetadataMember], to json: inout JSONWriter) {
    json.append(raw: "\"__metadata__\":{")
    for (position, member) in metadata.enumerated() {
      if position > 0 { json.append(raw: ",") }
      json.append(string: member.key)
      json.append(raw: ":")
      json.append(string: member.value)
    }
    json.append(raw: "}")
  }

  private static func append(_ tensor: TensorSpec, _ range: Range<UInt64>, to json: inout JSONWriter) {
    json.append(string: tensor.name)
    json.append(raw: ":{\"dtype\":")
    json.append(string: tensor.dtype.rawValue)
    json.append(raw: ",\"shape\":[")
    for (position, extent) in tensor.shape.dims.enumerated() {
      if position > 0 { json.append(raw: ",") }
      json.append(decimal: extent)
    }
    json.append(raw: "],\"data_offsets\":[")
    json.append(decimal: range.lowerBound)
    json.append(raw: ",")
    json.append(decimal: range.upperBound)
    json.append(raw: "]}")
  }

  private static func ends(of tensors: [TensorSpec], path: String?) throws(MimoError) -> [UInt64] {
    var names = Set<String>(minimumCapacity: tensors.count)
    var ends: [UInt64] = []
    ends.reserveCapacity(tensors.count)
    var end: UInt64 = 0
    for tensor in tensors {
      guard names.insert(tensor.name).inserted, tensor.name != "__metadata__" else {
        throw MimoError(.internalError, "name can not be written twice", path: path, tensor: tensor.name)
      }
      guard let count = tensor.byteCount else {
        throw MimoError(
          .invalidInput, "shape \(tensor.shape) of \(tensor.dtype.rawValue) has no size in whole bytes", path: path,
          tensor: tensor.name)
      }
      let (sum, overflow) = end.addingReportingOverflow(UInt64(count))
      // Room for the header is left below the largest file offset.
      guard !overflow, sum < UInt64(Int64.max) - lengthLimit - 8 else {
        throw MimoError(.invalidInput, "file would be larger than any file can be", path: path, tensor: tensor.name)
      }
      end = sum
      ends.append(end)
    }
    return ends
  }

  static func lengthPrefix(_ length: UInt64) -> [UInt8] {
    withUnsafeBytes(of: length.littleEndian) { Array($0) }
  }
}
