import MimoJSON
import MimoSystem
import MimoTensor
import PluginABI

/// What a plugin may ask about the model.
extension DescribeHost {
  static func setModel(_ host: inout mimo_host) {
    host.config_kind = { handle, path in
      DescribeSession.call(handle, failed: MIMO_KIND_ABSENT) { (session) throws(MimoError) in
        DescribeHost.kind(of: session.model.config[try BoundaryReader.name(path, "a config path")])
      }
    }
    host.config_count = { handle, path in
      DescribeSession.call(handle, failed: -1) { (session) throws(MimoError) in
        switch session.model.config[try BoundaryReader.name(path, "a config path")] {
        case .array(let items): Int64(items.count)
        case .object(let object): Int64(object.count)
        default: -1
        }
      }
    }
    setValues(&host)
    host.architecture = { handle in
      DescribeSession.call(handle, failed: mimo_string()) { $0.lend($0.architecture) }
    }
    setSources(&host)
  }

  private static func setValues(_ host: inout mimo_host) {
    host.config_int = { handle, path, out in
      DescribeHost.read(handle, path, out, "an integer") { value, _ in
        if case .integer(let number) = value { number } else { nil }
      }
    }
    host.config_float = { handle, path, out in
      DescribeHost.read(handle, path, out, "a number") { value, _ in value.double }
    }
    host.config_bool = { handle, path, out in
      DescribeHost.read(handle, path, out, "true or false") { value, _ in value.bool.map { $0 ? 1 : 0 } }
    }
    host.config_string = { handle, path, out in
      DescribeHost.read(handle, path, out, "a string") { value, session in value.string.map(session.lend) }
    }
  }

  private static func setSources(_ host: inout mimo_host) {
    host.source_state = { handle, name in
      DescribeSession.call(handle, failed: MIMO_SOURCE_ABSENT) { (session) throws(MimoError) in
        let name = try BoundaryReader.name(name, "a source's name")
        guard let sources = session.model.sources else { return MIMO_SOURCE_UNKNOWN }
        return sources[name] == nil ? MIMO_SOURCE_ABSENT : MIMO_SOURCE_PRESENT
      }
    }
    host.source_shape = { handle, name, dims in
      DescribeSession.call(handle, failed: -1) { (session) throws(MimoError) in
        guard let shape = session.model.sources?[try BoundaryReader.name(name, "a source's name")] else { return -1 }
        guard let dims else { throw BoundaryReader.broken("source_shape with NULL dims") }
        for (i, extent) in shape.dims.enumerated() { dims[i] = Int64(extent) }
        return Int32(shape.rank)
      }
    }
    host.option = { handle, name, out in
      DescribeSession.call(handle, failed: MIMO_FAILED) { (session) throws(MimoError) in
        guard let out else { throw BoundaryReader.broken("option with a NULL result") }
        guard let value = session.model.options[try BoundaryReader.name(name, "an option's name")] else {
          return MIMO_ABSENT
        }
        out.pointee = session.lend(value)
        return MIMO_OK
      }
    }
  }

  /// Writes one config value; missing and null are MIMO_ABSENT, another kind than `wanted` is a failure.
  private static func read<Value>(
    _ handle: OpaquePointer?, _ path: mimo_string, _ out: UnsafeMutablePointer<Value>?, _ wanted: String,
    _ convert: (JSONValue, DescribeSession) -> Value?
  ) -> mimo_status {
    DescribeSession.call(handle, failed: MIMO_FAILED) { (session) throws(MimoError) in
      let path = try BoundaryReader.name(path, "a config path")
      guard let out else { throw BoundaryReader.broken("a NULL result for \(path)") }
      guard let value = session.model.config[path], !value.isNull else { return MIMO_ABSENT }
      guard let result = convert(value, session) else {
        throw MimoError(.invalidInput, "config.json: \(path) is \(value.kind), must be \(wanted)")
      }
      out.pointee = result
      return MIMO_OK
    }
  }

  private static func kind(of value: JSONValue?) -> UInt32 {
    switch value {
    case nil: MIMO_KIND_ABSENT
    case .null: MIMO_KIND_NULL
    case .bool: MIMO_KIND_BOOL
    case .integer: MIMO_KIND_INT
    case .number: MIMO_KIND_FLOAT
    case .string: MIMO_KIND_STRING
    case .array: MIMO_KIND_LIST
    case .object: MIMO_KIND_OBJECT
    }
  }
}
