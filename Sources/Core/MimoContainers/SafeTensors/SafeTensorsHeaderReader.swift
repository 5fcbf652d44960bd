import MimoJSON
import MimoSystem
import MimoTensor

/// Reads the JSON of a safetensors head straight into tensors: headers have 100,000 of them and more.
struct SafeTensorsHeaderReader {
  struct Tensor {
    var spec: TensorSpec
    /// Bytes from the beginning of the data.
    var range: Range<UInt64>
  }

  struct Content {
    /// In the order of their bytes.
    var tensors: [Tensor]
    var metadata: [SafeTensorsHeader.MetadataMember]?
  }

  private var scanner: JSONScanner
  /// About as many tensors as a header of this size declares; each takes 60 bytes at least.
  private let expectedCount: Int
  private static let dtypes = Dictionary(uniqueKeysWithValues: DType.allCases.map { ($0.rawValue, $0) })

  init(_ json: UnsafeRawBufferPointer, path: String?) {
    // The JSON begins behind the eight bytes of its length.
    scanner = JSONScanner(json, path: path, origin: 8)
    expectedCount = json.count / 120
  }

  mutating func read() throws(MimoError) -> Content {
    guard scanner.peek() == UInt8(ascii: "{"), scanner.position == 0 else {
      throw scanner.failure("no safetensors header: it must begin with '{'", at: 0)
    }
    var content = Content(tensors: [], metadata: nil)
    var names = Set<String>(minimumCapacity: expectedCount)
    var hasMetadata = false
    try members { (reader, key, place) throws(MimoError) in
      if key == "__metadata__" {
        guard !hasMetadata else { throw reader.scanner.failure("key \"__metadata__\" occurs twice", at: place) }
        hasMetadata = true
        content.metadata = try reader.metadata()
      } else {
        guard names.insert(key).inserted else {
          throw reader.scanner.failure("tensor occurs twice in the header", at: place, tensor: key)
        }
        content.tensors.append(try reader.tensor(key))
      }
    }
    try scanner.expectEnd()
    sort(&content.tensors)
    return content
  }

  /// By position; tensors without bytes go before the one that begins where they lie, and keep their order.
  private func sort(_ tensors: inout [Tensor]) {
    func key(_ tensor: Tensor) -> (UInt64, UInt64) { (tensor.range.lowerBound, tensor.range.upperBound) }
    let isSorted = zip(tensors, tensors.dropFirst()).allSatisfy { key($0) <= key($1) }
    // Swift's sort is stable, but does not promise it: the position decides between equals.
    guard !isSorted else { return }
    let order = tensors.indices.sorted { a, b in
      key(tensors[a]) == key(tensors[b]) ? a < b : key(tensors[a]) < key(tensors[b])
    }
    tensors = order.map { tensors[$0] }
  }

  /// Takes an object and hands each key, with its place, to `body`, which takes the value.
  private mutating func members(
    _ body: (inout SafeTensorsHeaderReader, String, Int) throws(MimoError) -> Void
  ) throws(MimoError) {
    try scanner.expect(UInt8(ascii: "{"), "an object")
    if scanner.take(UInt8(ascii: "}")) { return }
    repeat {
      _ = scanner.peek()
      let place = scanner.position
      let key = try scanner.string("a key")
      try scanner.expect(UInt8(ascii: ":"), "':'")
      try body(&self, key, place)
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "}"), "',' or '}'")
  }

  private mutating func metadata() throws(MimoError) -> [SafeTensorsHeader.MetadataMember]? {
    // The library reads it as none.
    if scanner.peek() == UInt8(ascii: "n"), scanner.take(word: "null") { return nil }
    var result: [SafeTensorsHeader.MetadataMember] = []
    var keys = Set<String>()
    try members { (reader, key, place) throws(MimoError) in
      guard keys.insert(key).inserted else {
        throw reader.scanner.failure("key \"\(key)\" occurs twice in __metadata__", at: place)
      }
      guard reader.scanner.peek() == UInt8(ascii: "\"") else {
        throw reader.scanner.failure("value of \"\(key)\" in __metadata__ is not a string")
      }
      result.append(.init(key, try reader.scanner.string()))
    }
    return result
  }

  private mutating func tensor(_ name: String) throws(MimoError) -> Tensor {
    let start = scanner.position
    do throws(MimoError) {
      return try fields(name, start)
    } catch {
      throw error.at(tensor: name)
    }
  }

  private mutating func fields(_ name: String, _ start: Int) throws(MimoError) -> Tensor {
    var dtype: DType?
    var shape: DimVector?
    var offsets: (UInt64, UInt64)?
    try members { (reader, key, place) throws(MimoError) in
      switch key {
      case "dtype" where dtype == nil: dtype = try reader.dtype()
      case "shape" where shape == nil: shape = try reader.shape()
      case "data_offsets" where offsets == nil: offsets = try reader.offsets()
      case "dtype", "shape", "data_offsets": throw reader.scanner.failure("key \"\(key)\" occurs twice", at: place)
      default: throw reader.scanner.failure("unknown key \"\(key)\"", at: place)
      }
    }
    guard let dtype else { throw scanner.failure("dtype is missing", at: start) }
    guard let shape else { throw scanner.failure("shape is missing", at: start) }
    guard let offsets else { throw scanner.failure("data_offsets is missing", at: start) }
    let spec = TensorSpec(name: name, dtype: dtype, shape: GlobalShape(shape))
    guard offsets.0 <= offsets.1 else {
      throw scanner.failure("data_offsets [\(offsets.0), \(offsets.1)] run backwards", at: start)
    }
    guard let count = spec.byteCount else {
      throw scanner.failure("shape \(shape) of \(dtype.rawValue) has no size in whole bytes", at: start)
    }
    guard UInt64(count) == offsets.1 - offsets.0 else {
      throw scanner.failure(
        "shape \(shape) of \(dtype.rawValue) takes \(count) bytes, data_offsets [\(offsets.0), \(offsets.1)] hold "
          + "\(offsets.1 - offsets.0)", at: start)
    }
    return Tensor(spec: spec, range: offsets.0..<offsets.1)
  }

  private mutating func dtype() throws(MimoError) -> DType {
    _ = scanner.peek()
    let place = scanner.position
    let name = try scanner.string("a dtype")
    guard let dtype = SafeTensorsHeaderReader.dtypes[name] else {
      throw scanner.failure("unknown dtype \"\(name)\"", at: place)
    }
    return dtype
  }

  private mutating func shape() throws(MimoError) -> DimVector {
    var dims = DimVector()
    try scanner.expect(UInt8(ascii: "["), "a shape")
    if scanner.take(UInt8(ascii: "]")) { return dims }
    repeat {
      guard dims.count < DimVector.capacity else {
        throw scanner.failure("shape has more than \(DimVector.capacity) dimensions, which this version does not do")
      }
      let place = scanner.position
      guard let extent = Int(exactly: try scanner.unsigned("a dimension")) else {
        throw scanner.failure("dimension is too large", at: place)
      }
      dims.append(extent)
    } while scanner.take(UInt8(ascii: ","))
    try scanner.expect(UInt8(ascii: "]"), "',' or ']'")
    return dims
  }

  private mutating func offsets() throws(MimoError) -> (UInt64, UInt64) {
    try scanner.expect(UInt8(ascii: "["), "two data_offsets")
    let begin = try scanner.unsigned("a data offset")
    try scanner.expect(UInt8(ascii: ","), "','")
    let end = try scanner.unsigned("a data offset")
    try scanner.expect(UInt8(ascii: "]"), "']'")
    return (begin, end)
  }
}
