/// A Python class or function by name. It is never looked up or called.
package struct PickleGlobal: Sendable, Hashable, CustomStringConvertible {
  package var module: String
  package var name: String

  package init(_ module: String, _ name: String) {
    self.module = module
    self.name = name
  }

  package var description: String { "\(module).\(name)" }
}

/// Plain Python data, as a pickle describes it.
package indirect enum PickleValue: Sendable, Hashable {
  case none
  case bool(Bool)
  case int(Int64)
  /// An integer beyond 64 bits: two's complement, least significant byte first.
  case bigInt([UInt8])
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case tuple([PickleValue])
  case list([PickleValue])
  case set([PickleValue])
  /// Pairs in the order of the pickle.
  case dict([PicklePair])
  case global(PickleGlobal)
  case object(PickleObject)
  /// A reference to something outside of the pickle: for torch, to a storage.
  case persistentID(PickleValue)
}

/// One entry of a dict.
package struct PicklePair: Sendable, Hashable {
  package var key: PickleValue
  package var value: PickleValue

  package init(_ key: PickleValue, _ value: PickleValue) {
    self.key = key
    self.value = value
  }
}

/// What a pickle says about an object: how it would be made, and with what it would be filled.
package struct PickleObject: Sendable, Hashable {
  /// How the object comes to life.
  package enum Creation: UInt8, Sendable {
    /// `callable(*arguments)`.
    case call
    /// `callable.__new__(callable, *arguments)`.
    case new
  }

  package var creation: Creation
  package var callable: PickleGlobal
  package var arguments: [PickleValue]
  /// Argument of BUILD.
  package var state: PickleValue?
  package var listItems: [PickleValue]
  package var dictItems: [PicklePair]

  package init(
    _ creation: Creation, _ callable: PickleGlobal, _ arguments: [PickleValue] = [], state: PickleValue? = nil,
    listItems: [PickleValue] = [], dictItems: [PicklePair] = []
  ) {
    self.creation = creation
    self.callable = callable
    self.arguments = arguments
    self.state = state
    self.listItems = listItems
    self.dictItems = dictItems
  }
}

extension PickleValue {
  /// A dict with string keys.
  package static func record(_ pairs: KeyValuePairs<String, PickleValue>) -> PickleValue {
    .dict(pairs.map { PicklePair(.string($0.key), $0.value) })
  }

  /// The entry of a dict, an OrderedDict, or the attributes of an object, under a string key.
  package subscript(key: String) -> PickleValue? {
    switch self {
    case .dict(let pairs): pairs.first { $0.key == .string(key) }?.value
    case .object(let object):
      object.dictItems.first { $0.key == .string(key) }?.value ?? object.state?[key]
    default: nil
    }
  }

  package var intValue: Int64? {
    if case .int(let value) = self { value } else { nil }
  }

  package var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }
}
