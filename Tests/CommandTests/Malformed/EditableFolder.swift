import Foundation
import Testing

/// A Hugging Face folder in memory, to be changed and written again with heads and index that fit.
struct EditableFolder {
  struct Tensor {
    var name: String
    var dtype: String
    var shape: [Int]
    var bytes: Data
  }

  /// Files in order, each with its tensors in order.
  var files: [(name: String, tensors: [Tensor])]
  /// All other files, the index left out.
  var companions: [String: Data] = [:]
  /// Tensors of zeros in a file of their own, which take no space on the disk.
  var zeros: (name: String, tensors: [(name: String, shape: [Int])])?

  init(_ path: String) throws {
    files = []
    for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where !name.hasSuffix(".index.json") {
      let data = try Data(contentsOf: URL(filePath: "\(path)/\(name)"))
      guard name.hasSuffix(".safetensors") else {
        companions[name] = data
        continue
      }
      let tensors = try TensorFact.safeTensors("\(path)/\(name)").sorted { $0.key < $1.key }.map { name, fact in
        guard case .bytes(let bytes) = fact.content else { throw CocoaError(.fileReadCorruptFile) }
        return Tensor(name: name, dtype: fact.dtype, shape: fact.shape, bytes: bytes)
      }
      files.append((name, tensors))
    }
  }

  /// Changes one tensor, by name.
  mutating func change(_ name: String, _ body: (inout Tensor) -> Void) throws {
    for file in files.indices {
      guard let index = files[file].tensors.firstIndex(where: { $0.name == name }) else { continue }
      return body(&files[file].tensors[index])
    }
    throw CocoaError(.fileNoSuchFile)
  }

  mutating func remove(_ name: String) {
    for file in files.indices { files[file].tensors.removeAll { $0.name == name } }
  }

  func write(to path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, data) in companions { try data.write(to: URL(filePath: "\(path)/\(name)")) }
    var map: [String: String] = [:]
    for file in files {
      try SafeTensorsBytes.file(file.tensors).write(to: URL(filePath: "\(path)/\(file.name)"))
      for tensor in file.tensors where map[tensor.name] == nil { map[tensor.name] = file.name }
    }
    if let zeros {
      try SafeTensorsBytes.writeZeros(zeros.tensors, to: "\(path)/\(zeros.name)")
      for tensor in zeros.tensors { map[tensor.name] = zeros.name }
    }
    try writeJSON(["metadata": ["total_size": 0], "weight_map": map], to: "\(path)/model.safetensors.index.json")
  }
}

/// Files of safetensors, right and wrong.
enum SafeTensorsBytes {
  static func file(_ tensors: [EditableFolder.Tensor]) throws -> Data {
    var header: [String: Any] = [:]
    var end = 0
    for tensor in tensors {
      header[tensor.name] = ["dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [end, end + tensor.bytes.count]]
      end += tensor.bytes.count
    }
    let json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    return tensors.reduce(into: framed(json)) { $0.append($1.bytes) }
  }

  /// A file whose elements are a hole.
  static func writeZeros(_ tensors: [(name: String, shape: [Int])], to path: String) throws {
    var header: [String: Any] = [:]
    var end = 0
    for tensor in tensors {
      let next = end + tensor.shape.reduce(2, *)
      header[tensor.name] = ["dtype": "BF16", "shape": tensor.shape, "data_offsets": [end, next]]
      end = next
    }
    let head = framed(try JSONSerialization.data(withJSONObject: header, options: [.withoutEscapingSlashes]))
    try head.write(to: URL(filePath: path))
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.truncate(atOffset: UInt64(head.count + end))
    try handle.close()
  }

  /// Replaces text in a file's header; the data stay where they are.
  static func editHeader(_ path: String, _ edit: (String) -> String) throws {
    let data = try Data(contentsOf: URL(filePath: path))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let text = edit(String(decoding: data[8..<8 + length], as: UTF8.self))
    try (framed(Data(text.utf8)) + data[(8 + length)...]).write(to: URL(filePath: path))
  }

  private static func framed(_ json: Data) -> Data {
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json
  }
}

func writeJSON(_ value: [String: Any], to path: String) throws {
  try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys]).write(to: URL(filePath: path))
}

func editJSON(_ path: String, _ edit: (inout [String: Any]) -> Void) throws {
  var value = try readJSON(path)
  edit(&value)
  try writeJSON(value, to: path)
}
