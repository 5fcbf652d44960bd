import MimoJSON
import MimoSystem

/// `model.safetensors.index.json`: which file holds which tensor.
package struct HuggingFaceIndex: Sendable, Equatable {
  package static let fileName = "model.safetensors.index.json"

  /// One entry of `weight_map`.
  package struct Entry: Sendable, Hashable {
    package var tensor: String
    package var file: String
    package init(tensor: String, file: String) {
      self.tensor = tensor
      self.file = file
    }
  }

  /// The value of `metadata` as written; nil when there is none.
  package var metadata: JSONValue?
  /// `weight_map` in the order of the document.
  package var entries: [Entry]

  package init(metadata: JSONValue?, entries: [Entry]) {
    self.metadata = metadata
    self.entries = entries
  }

  /// An index as transformers writes it: tensors sorted by name, `total_size` the bytes of all tensors.
  package init(files: [(name: String, tensors: [TensorSpec])]) {
    var total = 0
    var entries: [Entry] = []
    for file in files {
      for tensor in file.tensors {
        total &+= tensor.byteCount ?? 0
        entries.append(Entry(tensor: tensor.name, file: file.name))
      }
    }
    self.init(metadata: .object(["total_size": .integer(total)]), entries: HuggingFaceIndex.sorted(entries))
  }

  package static func sorted(_ entries: [Entry]) -> [Entry] {
    entries.sorted { bytewiseLess($0.tensor, $1.tensor) }
  }

  /// `metadata.total_size` as written. Informative only: published checkpoints often have it wrong.
  package var declaredTotalSize: Int? { metadata?["total_size"]?.integer }

  /// Parses the bytes of an index; `path` is for the errors.
  package static func parse(_ bytes: [UInt8], path: String) throws(MimoError) -> HuggingFaceIndex {
    guard let root = try JSONParser.parse(bytes, path: path).object else {
      throw MimoError(.invalidInput, "index is not a JSON object", path: path)
    }
    guard let map = root["weight_map"]?.object else {
      throw MimoError(.invalidInput, "index has no weight_map object", path: path, remedy: "Get the file again")
    }
    var entries: [Entry] = []
    entries.reserveCapacity(map.count)
    for (tensor, value) in map.members {
      guard let file = value.string else {
        throw MimoError(.invalidInput, "weight_map names \(value.kind), not a file", path: path, tensor: tensor)
      }
      try check(file: file, tensor: tensor, path: path)
      entries.append(Entry(tensor: tensor, file: file))
    }
    return HuggingFaceIndex(metadata: root["metadata"], entries: entries)
  }

  /// The bytes of `model.safetensors.index.json`, in Python's `json.dumps(indent=2)` form.
  package func encoded(newlineAtEnd: Bool) -> [UInt8] {
    var map = JSONObject()
    for entry in entries { map[entry.tensor] = .string(entry.file) }
    var root = JSONObject()
    root["metadata"] = metadata
    root["weight_map"] = .object(map)
    var bytes = JSONWriter.write(.object(root), .indented(2), escapesNonASCII: true)
    if newlineAtEnd { bytes.append(UInt8(ascii: "\n")) }
    return bytes
  }

  /// Only plain names of files in the same folder: anything else could lead out of it.
  private static func check(file: String, tensor: String, path: String) throws(MimoError) {
    let units = file.utf8
    let isPlain =
      !file.isEmpty && file != "." && file != ".." && !units.contains(UInt8(ascii: "/"))
      && !units.contains(UInt8(ascii: "\\")) && !units.contains(0)
    guard isPlain else {
      throw MimoError(
        .invalidInput, "weight_map names \"\(file)\", which is no plain file name", path: path, tensor: tensor,
        remedy: "The index must only name files of its own folder")
    }
  }
}
