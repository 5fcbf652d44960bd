import MimoJSON

/// A value of config.json that holds no others by name: a number, text, switch, null or list.
struct ConfigLeaf: Sendable {
  /// Dotted.
  var path: String
  var value: JSONValue

  /// The last part of the path, which errors name.
  var key: String { String(path.split(separator: ".").last ?? "") }

  /// All of a config but its `architectures`, which are the host's business.
  static func all(of config: JSONValue, below prefix: String = "") -> [ConfigLeaf] {
    guard let members = config.object?.members else { return [] }
    return members.flatMap { key, value -> [ConfigLeaf] in
      let path = prefix.isEmpty ? key : "\(prefix).\(key)"
      if path == "architectures" { return [] }
      if value.object != nil { return all(of: value, below: path) }
      return [ConfigLeaf(path: path, value: value)]
    }
  }
}

extension JSONValue {
  /// The same document with one value in another's place; nil takes the key away.
  func replacing(_ path: String, with value: JSONValue?) -> JSONValue {
    var object = self.object ?? JSONObject()
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    if parts.count == 2 {
      object[parts[0]] = (object[parts[0]] ?? .null).replacing(parts[1], with: value)
    } else if let value {
      object[path] = value
    } else {
      object.remove(path)
    }
    return .object(object)
  }
}
