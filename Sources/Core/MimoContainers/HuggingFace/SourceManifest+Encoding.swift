import MimoJSON
import MimoSystem
import MimoTensor

extension SourceManifest {
  /// The manifest as JSON.
  package func encoded() -> [UInt8] {
    var root = JSONObject()
    root["schema_version"] = .integer(SourceManifest.schemaVersion)
    root["files"] = .array(files.map(SourceManifest.json))
    root["index"] = index.map(SourceManifest.json) ?? .null
    root["companions"] = .array(
      companions.map { .object(["path": .string($0.path), "size": .integer(Int64(clamping: $0.size))]) })
    if !leftOut.isEmpty { root["left_out"] = .array(leftOut.map { .string($0) }) }
    return JSONWriter.write(.object(root), .oneLine) + [UInt8(ascii: "\n")]
  }

  private static func json(_ file: WeightFile) -> JSONValue {
    var object = JSONObject()
    object["name"] = .string(file.name)
    object["metadata"] = .null
    if let metadata = file.metadata {
      var members = JSONObject()
      for member in metadata { members[member.key] = .string(member.value) }
      object["metadata"] = .object(members)
    }
    object["padding"] = .integer(file.padding)
    if let spelling = file.foreignSpelling {
      object["header"] = .string(String(decoding: spelling, as: UTF8.self))
    }
    object["tensors"] = .array(
      file.tensors.map { tensor in
        .object([
          "name": .string(tensor.name), "dtype": .string(tensor.dtype.rawValue),
          "shape": .array(tensor.shape.dims.map { .integer($0) }),
        ])
      })
    return .object(object)
  }

  private static func json(_ index: Index) -> JSONValue {
    switch index {
    case .foreign(let text): return .object(["text": .string(text)])
    case .common(let metadata, let order, let newline):
      var object = JSONObject()
      object["metadata"] = metadata
      object["order"] = .string(order.rawValue)
      object["newline_at_end"] = .bool(newline)
      return .object(object)
    }
  }
}
