import Foundation
import MimoChecksum
import MimoContainers
import MimoTensor
import Testing

/// All that can be said of a stored tensor: what must be equal when two checkpoints are.
struct TensorFact {
  /// Bytes, or where only that was kept, their CRC-32.
  enum Content {
    case bytes(Data)
    case digest(UInt32)

    var digest: UInt32 {
      switch self {
      case .digest(let value): value
      case .bytes(let data): data.withUnsafeBytes { mimo_crc32(0, $0.baseAddress, $0.count) }
      }
    }

    static func agree(_ one: Content, _ other: Content) -> Bool {
      if case .bytes(let a) = one, case .bytes(let b) = other { return a == b }
      return one.digest == other.digest
    }
  }

  /// As safetensors spells it: BF16.
  var dtype: String
  var shape: [Int]
  var content: Content
  /// The boxes of a distributed tensor's chunks, in order; empty for others.
  var boxes: Content

  init(dtype: String, shape: [Int], content: Content, boxes: Content = .bytes(Data())) {
    self.dtype = dtype
    self.shape = shape
    self.content = content
    self.boxes = boxes
  }

  /// What differs, nil if nothing does.
  func difference(from expected: TensorFact) -> String? {
    if dtype != expected.dtype { return "\(dtype), expected \(expected.dtype)" }
    if shape != expected.shape { return "\(shape), expected \(expected.shape)" }
    if !Content.agree(content, expected.content) { return "other bits" }
    if !Content.agree(boxes, expected.boxes) { return "other chunks" }
    return nil
  }
}

/// Tensors by name.
typealias TensorFacts = [String: TensorFact]

/// Fails with the names of what differs.
func expectEqual(
  _ seen: TensorFacts, _ expected: TensorFacts, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  var lines = expected.keys.filter { seen[$0] == nil }.sorted().map { "missing: \($0)" }
  lines += seen.keys.filter { expected[$0] == nil }.sorted().map { "too many: \($0)" }
  for (name, fact) in expected.sorted(by: { $0.key < $1.key }) {
    if let difference = seen[name]?.difference(from: fact) { lines.append("\(name): \(difference)") }
  }
  guard !lines.isEmpty else { return }
  let text = lines.prefix(8).joined(separator: "\n")
  Issue.record("\(what): \(lines.count) differences\n\(text)", sourceLocation: sourceLocation)
}

// MARK: - Safetensors

extension TensorFact {
  /// Tensors of one safetensors file, read without the code under test.
  static func safeTensors(_ path: String) throws -> TensorFacts {
    let data = try Data(contentsOf: URL(filePath: path))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any])
    var facts: TensorFacts = [:]
    for case (let name, let entry as [String: Any]) in header where name != "__metadata__" {
      let range = try #require(entry["data_offsets"] as? [Int])
      facts[name] = TensorFact(
        dtype: try #require(entry["dtype"] as? String), shape: try #require(entry["shape"] as? [Int]),
        content: .bytes(Data(data[8 + length + range[0]..<8 + length + range[1]])))
    }
    return facts
  }

  /// Tensors of all safetensors files of a folder: of a model (names as they are), or of ranks (file name in front).
  static func folder(_ path: String, namingFiles: Bool = false) throws -> TensorFacts {
    var facts: TensorFacts = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: path) where file.hasSuffix(".safetensors") {
      for (name, fact) in try safeTensors("\(path)/\(file)") { facts[namingFiles ? "\(file) \(name)" : name] = fact }
    }
    return facts
  }
}

// MARK: - Distributed checkpoints

extension TensorFact {
  /// Tensors and objects of a distributed checkpoint, the common state aside.
  static func distributed(_ path: String) throws -> TensorFacts {
    let checkpoint = try DistCheckpoint.open(path)
    var facts: TensorFacts = [:]
    for tensor in checkpoint.tensors {
      let boxes = tensor.chunks.map { "\(Array($0.region.offset)) \(Array($0.region.extent))" }.sorted()
      facts[tensor.key] = TensorFact(
        dtype: tensor.dtype.rawValue, shape: Array(tensor.shape.dims),
        content: .bytes(try assembled(tensor, of: checkpoint)), boxes: .bytes(Data(boxes.joined(separator: ";").utf8)))
    }
    for object in checkpoint.objects where object.key != DistCheckpoint.commonStateKey {
      facts[object.key] = TensorFact(dtype: "object", shape: [], content: .digest(0))
    }
    return facts
  }

  /// A whole tensor in row-major order, put together from its chunks.
  private static func assembled(_ tensor: DistTensor, of checkpoint: DistCheckpoint) throws -> Data {
    let width = tensor.dtype.byteWidth ?? 0
    var result = Data(repeating: 0xEE, count: (tensor.shape.elementCount ?? 0) * width)
    let strides = rowMajorStrides(tensor.shape.dims)
    for chunk in tensor.chunks where chunk.region.volume > 0 {
      let source = try checkpoint.source(chunk.file)
      let stored = try checkpoint.payload(of: chunk, of: tensor, in: source)
      let last = chunk.region.rank - 1
      let row = stored.isContiguous && last >= 0 ? chunk.region.extent[last] : 1
      let span = (0...max(last, 0)).reduce(1) { last < 0 ? $0 : $0 + (chunk.region.extent[$1] - 1) * stored.strides[$1] }
      let bytes = try source.bytes(at: stored.offset, count: span * width)
      for start in stride(from: 0, to: chunk.region.volume, by: row) {
        var (rest, from, to) = (start, 0, 0)
        for dim in (0..<chunk.region.rank).reversed() {
          let index = rest % chunk.region.extent[dim]
          rest /= chunk.region.extent[dim]
          from += index * stored.strides[dim]
          to += (chunk.region.offset[dim] + index) * strides[dim]
        }
        result.replaceSubrange(to * width..<(to + row) * width, with: bytes[from * width..<(from + row) * width])
      }
    }
    return result
  }
}
