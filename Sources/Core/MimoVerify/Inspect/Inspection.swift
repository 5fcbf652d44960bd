import MimoJSON
import MimoSystem
import MimoTensor

/// What a checkpoint holds, read without running anything in it.
package struct Inspection: Sendable {
  package struct Tensor: Sendable {
    package var name: String
    package var dtype: DType
    package var shape: [Int]
    package var bytes: Int
    /// The file that it lies in; nil when it is spread over several.
    package var file: String?
    /// Stored pieces.
    package var chunks = 1
  }

  /// A pickled object.
  package struct Object: Sendable {
    package var name: String
    package var bytes: Int
    /// It as plain data, where it is shown.
    package var value: JSONValue?
  }

  package struct File: Sendable {
    package var path: String
    package var bytes: UInt64
  }

  package var path: String
  /// "Hugging Face folder", "distributed checkpoint (torch_dist)".
  package var kind: String
  /// Facts in a line each: the model's class, the layout.
  package var facts: [(name: String, value: String)] = []
  package var tensors: [Tensor] = []
  package var objects: [Object] = []
  package var files: [File] = []
  package var notes: [String] = []

  init(path: String, kind: String) {
    self.path = path
    self.kind = kind
  }

  package var parameters: Int {
    tensors.reduce(0) { $0 &+ $1.shape.reduce(1, &*) }
  }

  package var tensorBytes: Int { tensors.reduce(0) { $0 &+ $1.bytes } }

  /// Bytes of each dtype, the most first.
  package var bytesByDType: [(dtype: DType, tensors: Int, bytes: Int)] {
    var sums: [DType: (tensors: Int, bytes: Int)] = [:]
    for tensor in tensors {
      sums[tensor.dtype, default: (0, 0)].tensors += 1
      sums[tensor.dtype, default: (0, 0)].bytes &+= tensor.bytes
    }
    return sums.map { ($0.key, $0.value.tensors, $0.value.bytes) }
      .sorted { $0.2 == $1.2 ? $0.0.rawValue < $1.0.rawValue : $0.2 > $1.2 }
  }
}

extension Inspection {
  package var json: JSONValue {
    var facts = JSONObject()
    for (name, value) in self.facts { facts[name] = .string(value) }
    var dtypes = JSONObject()
    for (dtype, tensors, bytes) in bytesByDType {
      dtypes[dtype.rawValue] = .object(["tensors": .integer(tensors), "bytes": .integer(bytes)])
    }
    return .object([
      "path": .string(path), "kind": .string(kind), "facts": .object(facts),
      "summary": .object([
        "tensors": .integer(tensors.count), "parameters": .integer(parameters), "bytes": .integer(tensorBytes),
        "dtypes": .object(dtypes),
      ]),
      "files": .array(files.map { .object(["path": .string($0.path), "bytes": .integer(Int(clamping: $0.bytes))]) }),
      "tensors": .array(tensors.map(Inspection.json)), "objects": .array(objects.map(Inspection.json)),
      "notes": .array(notes.map { .string($0) }),
    ])
  }

  private static func json(_ tensor: Tensor) -> JSONValue {
    .object([
      "name": .string(tensor.name), "dtype": .string(tensor.dtype.rawValue),
      "shape": .array(tensor.shape.map { .integer($0) }), "bytes": .integer(tensor.bytes),
      "chunks": .integer(tensor.chunks), "file": tensor.file.map { .string($0) } ?? .null,
    ])
  }

  private static func json(_ object: Object) -> JSONValue {
    .object(["name": .string(object.name), "bytes": .integer(object.bytes), "value": object.value ?? .null])
  }
}
