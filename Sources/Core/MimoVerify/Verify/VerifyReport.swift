import MimoJSON

/// What comparing two checkpoints showed.
package struct VerifyReport: Sendable {
  /// Why a tensor is not the same in both.
  package enum Difference: Sendable {
    /// Only one of the two checkpoints has it.
    case missing(from: String)
    case shape(a: [Int], b: [Int])
    /// Same values, as far as the dtype with fewer bits can hold them.
    case dtype(a: String, b: String)
    case values(ValueDifference)
    /// The bytes are not those that the report tells of.
    case digest(expected: String, found: String, place: String)
    /// A file beside the weights differs, in words.
    case file(String)
  }

  package struct ValueDifference: Sendable {
    /// Elements that differ, and of how many.
    package var count: Int
    package var of: Int
    /// Position of the first one, a number a dim.
    package var index: [Int]
    /// It as text, in each of the checkpoints.
    package var a: String
    package var b: String
  }

  package struct Tensor: Sendable {
    package var name: String
    package var difference: Difference
  }

  /// Tensors that only one side has room for, or that are no weights.
  package struct Skipped: Sendable {
    package var name: String
    package var reason: String
  }

  package struct Checkpoint: Sendable {
    package var path: String
    package var format: String
  }

  package var a: Checkpoint
  /// nil when one checkpoint was checked against its own report.
  package var b: Checkpoint?
  /// What was compared with what, in words.
  package var basis: String
  package var comparedTensors = 0
  /// Of a checkpoint that was checked against its report.
  package var comparedFiles = 0
  package var comparedBytes = 0
  /// In the order of the checkpoint.
  package var differences: [Tensor] = []
  package var skipped: [Skipped] = []
  package var notes: [String] = []
  package var seconds = 0.0

  /// Files beside the weights that differ.
  package var differingFiles: Int {
    differences.count { if case .file = $0.difference { true } else { false } }
  }

  package var isSame: Bool { differences.isEmpty }
  package var differingElements: Int {
    differences.reduce(0) { sum, tensor in
      if case .values(let values) = tensor.difference { sum + values.count } else { sum }
    }
  }

  /// More differences than this are told by their number.
  package static let mostListed = 1000
}

extension VerifyReport {
  package var json: JSONValue {
    .object([
      "same": .bool(isSame), "a": VerifyReport.json(a), "b": b.map(VerifyReport.json) ?? .null,
      "basis": .string(basis), "tensors_compared": .integer(comparedTensors), "bytes_compared": .integer(comparedBytes),
      "files_compared": .integer(comparedFiles),
      "tensors_differing": .integer(differences.count - differingFiles), "files_differing": .integer(differingFiles),
      "elements_differing": .integer(differingElements),
      "differences": .array(differences.prefix(VerifyReport.mostListed).map(VerifyReport.json)),
      "not_compared": .array(skipped.map { .object(["name": .string($0.name), "reason": .string($0.reason)]) }),
      "notes": .array(notes.map { .string($0) }), "seconds": .double((seconds * 1000).rounded() / 1000),
    ])
  }

  private static func json(_ checkpoint: Checkpoint) -> JSONValue {
    .object(["path": .string(checkpoint.path), "format": .string(checkpoint.format)])
  }

  private static func json(_ tensor: Tensor) -> JSONValue {
    var object = JSONObject()
    object["name"] = .string(tensor.name)
    func numbers(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }
    switch tensor.difference {
    case .missing(let from):
      object["kind"] = .string("missing")
      object["missing_from"] = .string(from)
    case .shape(let a, let b):
      object["kind"] = .string("shape")
      (object["a"], object["b"]) = (numbers(a), numbers(b))
    case .dtype(let a, let b):
      object["kind"] = .string("dtype")
      (object["a"], object["b"]) = (.string(a), .string(b))
    case .values(let values):
      object["kind"] = .string("values")
      object["elements"] = .integer(values.count)
      object["of"] = .integer(values.of)
      object["first_index"] = numbers(values.index)
      (object["a"], object["b"]) = (.string(values.a), .string(values.b))
    case .digest(let expected, let found, let place):
      object["kind"] = .string("digest")
      (object["expected"], object["found"]) = (.string(expected), .string(found))
      object["place"] = .string(place)
    case .file(let words):
      object["kind"] = .string("file")
      object["words"] = .string(words)
    }
    return .object(object)
  }
}
