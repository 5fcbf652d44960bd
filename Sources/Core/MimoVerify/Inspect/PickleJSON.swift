import MimoContainers
import MimoJSON
import MimoSystem
import MimoTensor

/// Pickled data as JSON: objects say their class, tensors their dtype and shape, bytes their number.
enum PickleJSON {
  /// More items of one list than this are told by their number.
  private static let mostItems = 1000
  private static let deepest = 64

  static func value(_ value: PickleValue, depth: Int = 0) -> JSONValue {
    guard depth < deepest else { return .string("...") }
    if let tensor = tensor(value) {
      return .object([
        "tensor": .string(tensor.dtype.rawValue), "shape": .array(tensor.dims.map { .integer($0) }),
      ])
    }
    func list(_ items: [PickleValue]) -> JSONValue {
      var shown = items.prefix(mostItems).map { PickleJSON.value($0, depth: depth + 1) }
      if items.count > mostItems { shown.append(.string("and \(items.count - mostItems) more")) }
      return .array(shown)
    }
    switch value {
    case .none: return .null
    case .bool(let bool): return .bool(bool)
    case .int(let number): return .integer(Int(number))
    case .float(let number): return .double(number)
    case .string(let text): return .string(text)
    case .bigInt(let bytes): return .string("an integer of \(bytes.count) bytes")
    case .bytes(let bytes): return .string("\(bytes.count) bytes")
    case .tuple(let items), .list(let items), .set(let items): return list(items)
    case .dict(let pairs): return .object(object(pairs, depth: depth))
    case .global(let global): return .object(["global": .string(global.description)])
    case .persistentID: return .string("a storage")
    case .object(let item): return .object(self.object(item, depth: depth))
    }
  }

  /// A key as text; nil for one that is no simple value.
  static func key(_ value: PickleValue) -> String? {
    switch value {
    case .string(let text): text
    case .int(let number): "\(number)"
    case .bool(let bool): "\(bool)"
    case .none: "None"
    default: nil
    }
  }

  /// A tuple of simple values in parentheses. Others are only told to be there: JSON within JSON within JSON would double
  /// its escapes with each level.
  private static func compositeKey(_ value: PickleValue) -> String {
    guard case .tuple(let items) = value, items.count <= 8 else { return "(...)" }
    return "(" + items.map { key($0) ?? "..." }.joined(separator: ", ") + ")"
  }

  /// nil when the value is no tensor.
  static func tensor(_ value: PickleValue) -> TorchTensorReference? {
    guard case .object(let object) = value, object.callable.module.hasPrefix("torch") else { return nil }
    return try? TorchTensorReference(value)
  }

  private static func object(_ pairs: [PicklePair], depth: Int) -> JSONObject {
    var result = JSONObject()
    for pair in pairs.prefix(mostItems) {
      let name = key(pair.key) ?? compositeKey(pair.key)
      result[name] = value(pair.value, depth: depth + 1)
    }
    if pairs.count > mostItems { result["..."] = .string("and \(pairs.count - mostItems) more") }
    return result
  }

  private static func object(_ item: PickleObject, depth: Int) -> JSONObject {
    var result = JSONObject()
    result["class"] = .string(item.callable.description)
    if !item.arguments.isEmpty { result["arguments"] = value(.tuple(item.arguments), depth: depth) }
    if let state = item.state { result["state"] = value(state, depth: depth + 1) }
    if !item.listItems.isEmpty { result["items"] = value(.list(item.listItems), depth: depth) }
    if !item.dictItems.isEmpty { result["entries"] = .object(object(item.dictItems, depth: depth)) }
    return result
  }
}
