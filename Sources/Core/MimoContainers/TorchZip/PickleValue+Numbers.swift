import MimoTensor

extension PickleValue {
  /// The same data with a Python number for each tensor that has no dimensions; nil where another tensor is in it, or
  /// one whose numbers Python's are not.
  ///
  /// - Parameter storages: what the tensors refer to, by number.
  package func withNumbers(from storages: [[UInt8]]) -> PickleValue? {
    switch self {
    case .none, .bool, .int, .bigInt, .float, .string, .bytes, .global: return self
    case .persistentID: return nil
    case .list(let values): return PickleValue.all(values, storages).map(PickleValue.list)
    case .tuple(let values): return PickleValue.all(values, storages).map(PickleValue.tuple)
    case .set(let values): return PickleValue.all(values, storages).map(PickleValue.set)
    case .dict(let pairs):
      var result: [PicklePair] = []
      for pair in pairs {
        guard let value = pair.value.withNumbers(from: storages) else { return nil }
        result.append(PicklePair(pair.key, value))
      }
      return .dict(result)
    case .object(let object):
      if let tensor = try? TorchTensorReference(self) { return PickleValue(scalar: tensor, in: storages) }
      return object.refersToStorage ? nil : self
    }
  }

  private static func all(_ values: [PickleValue], _ storages: [[UInt8]]) -> [PickleValue]? {
    var result: [PickleValue] = []
    for value in values {
      guard let number = value.withNumbers(from: storages) else { return nil }
      result.append(number)
    }
    return result
  }

  private init?(scalar tensor: TorchTensorReference, in storages: [[UInt8]]) {
    guard tensor.dims.isEmpty, let number = Int(tensor.storageKey), storages.indices.contains(number),
      let width = tensor.dtype.byteWidth, storages[number].count >= (tensor.storageOffset + 1) * width
    else { return nil }
    self.init(littleEndian: storages[number][(tensor.storageOffset * width)...].prefix(width), as: tensor.dtype)
  }

  /// The number that an element's bytes are; nil for a dtype that is neither an integer, bool, F32 nor F64.
  package init?(littleEndian bytes: some Collection<UInt8>, as dtype: DType) {
    guard bytes.count == dtype.byteWidth, bytes.count <= 8 else { return nil }
    let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch dtype {
    case .i64: self = .int(Int64(bitPattern: bits))
    case .i32: self = .int(Int64(Int32(truncatingIfNeeded: bits)))
    case .i16: self = .int(Int64(Int16(truncatingIfNeeded: bits)))
    case .i8: self = .int(Int64(Int8(truncatingIfNeeded: bits)))
    case .u8: self = .int(Int64(bits))
    case .bool: self = .bool(bits != 0)
    case .f64: self = .float(Double(bitPattern: bits))
    case .f32: self = .float(Double(Float(bitPattern: UInt32(bits))))
    default: return nil
    }
  }
}

extension PickleObject {
  /// Whether data outside of the pickle is in it.
  fileprivate var refersToStorage: Bool {
    let parts = arguments + [state].compactMap(\.self) + listItems + dictItems.flatMap { [$0.key, $0.value] }
    return parts.contains(where: \.refersToStorage)
  }
}

extension PickleValue {
  fileprivate var refersToStorage: Bool {
    switch self {
    case .none, .bool, .int, .bigInt, .float, .string, .bytes, .global: false
    case .persistentID: true
    case .list(let values), .tuple(let values), .set(let values): values.contains(where: \.refersToStorage)
    case .dict(let pairs): pairs.contains { $0.key.refersToStorage || $0.value.refersToStorage }
    case .object(let object): object.refersToStorage
    }
  }
}
