import PluginABI

/// A value for run_config.yaml or an exported config.json.
package enum Value {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case text(String)
  case ints([Int])
  /// Whatever config.json says at this path.
  case config(String)
  /// An object of this Python class; its members follow under the same path.
  case object(String)
  /// A Python name that is not called.
  case name(String)
  /// In an exported config.json: the key is taken out.
  case remove

  /// Lends the value for one call.
  func lend(_ body: (UnsafePointer<mimo_value>) -> mimo_status) -> mimo_status {
    var value = mimo_value()
    value.struct_size = UInt32(MemoryLayout<mimo_value>.size)
    func lendText(_ kind: UInt32, _ text: String) -> mimo_status {
      text.lend { view in
        value.kind = kind
        value.text = view
        return body(&value)
      }
    }
    switch self {
    case .null: value.kind = MIMO_VALUE_NULL
    case .remove: value.kind = MIMO_VALUE_REMOVE
    case .bool(let flag):
      value.kind = MIMO_VALUE_BOOL
      value.integer = flag ? 1 : 0
    case .int(let number):
      value.kind = MIMO_VALUE_INT
      value.integer = Int64(number)
    case .float(let number):
      value.kind = MIMO_VALUE_FLOAT
      value.number = number
    case .text(let text): return lendText(MIMO_VALUE_STRING, text)
    case .config(let path): return lendText(MIMO_VALUE_CONFIG, path)
    case .object(let name): return lendText(MIMO_VALUE_TARGET, name)
    case .name(let name): return lendText(MIMO_VALUE_NAME, name)
    case .ints(let numbers):
      let wide = numbers.map { Int64($0) }
      return wide.withUnsafeBufferPointer { buffer in
        value.kind = MIMO_VALUE_INTS
        value.integers = buffer.baseAddress
        value.count = buffer.count
        return body(&value)
      }
    }
    return body(&value)
  }
}

extension Model {
  /// The class that the trainer builds this model with.
  package func provider(_ classPath: String) throws(Refusal) {
    try check(classPath.lend { host.pointee.provider(builder, $0) })
  }

  /// A field of it that differs from the class's default.
  package func providerField(_ path: String, _ value: Value) throws(Refusal) {
    try check(path.lend { path in value.lend { host.pointee.provider_field(builder, path, $0) } })
  }

  /// What an exported config.json says instead.
  package func configOverride(_ path: String, _ value: Value, reason: String) throws(Refusal) {
    let status = path.lend { path in
      reason.lend { reason in value.lend { host.pointee.config_override(builder, path, $0, reason) } }
    }
    try check(status)
  }
}
