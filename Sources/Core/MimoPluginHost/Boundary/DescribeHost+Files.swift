import MimoMapping
import MimoSystem
import PluginABI

/// The files beside the weights, and the way to fail.
extension DescribeHost {
  static func setFiles(_ host: inout mimo_host) {
    host.provider = { handle, classPath in
      DescribeHost.status(handle) { () throws(MimoError) in
        .provider(try BoundaryReader.name(classPath, "the provider's class"))
      }
    }
    host.provider_field = { handle, path, value in
      DescribeHost.status(handle) { () throws(MimoError) in
        let path = try BoundaryReader.name(path, "a provider field")
        return .providerField(ProviderField(path: path, value: try DescribeHost.field(value, path)))
      }
    }
    host.config_override = { handle, path, value, reason in
      DescribeHost.status(handle) { () throws(MimoError) in
        let path = try BoundaryReader.name(path, "a config override")
        let reason = try BoundaryReader.name(reason, "the reason of a config override")
        let row = try BoundaryReader.checked(value, "the value of \(path)")
        let field = row.kind == MIMO_VALUE_REMOVE ? ConfigField.remove : try DescribeHost.field(value, path)
        return .configOverride(ConfigOverride(path: path, value: field, reason: reason))
      }
    }
    host.fail = { handle, message in
      DescribeSession.declare(handle, failed: MIMO_FAILED) { (_) throws(MimoError) -> mimo_status in
        let text = try BoundaryReader.text(message, "a failure's message")
        throw MimoError(.invalidInput, text.isEmpty ? "the plugin fails without saying why" : text)
      }
    }
  }

  private static func field(_ pointer: UnsafePointer<mimo_value>?, _ path: String) throws(MimoError) -> ConfigField {
    let value = try BoundaryReader.checked(pointer, "the value of \(path)")
    func text() throws(MimoError) -> String { try BoundaryReader.text(value.text, "the value of \(path)") }
    switch value.kind {
    case MIMO_VALUE_NULL: return .null
    case MIMO_VALUE_BOOL: return .bool(value.integer != 0)
    case MIMO_VALUE_INT: return .int(Int(value.integer))
    case MIMO_VALUE_FLOAT: return .float(value.number)
    case MIMO_VALUE_STRING: return .string(try text())
    case MIMO_VALUE_INTS:
      let numbers = try BoundaryReader.values(value.integers, count: value.count, "the value of \(path)")
      return .ints(numbers.map { Int($0) })
    case MIMO_VALUE_CONFIG: return .config(try text())
    case MIMO_VALUE_TARGET: return .target(try text())
    case MIMO_VALUE_NAME: return .name(try text())
    default: throw BoundaryReader.broken("\(path) has a value of the unknown kind \(value.kind)")
    }
  }
}
