import MimoSystem
import MimoTensor
import PluginABI

/// Reads what a plugin hands over, without believing any of it: NULL, lengths, sizes and text are checked.
///
/// `what` names a value in errors, and is put together for errors alone: plugins declare some hundred thousand values.
package enum BoundaryReader {
  /// The longest text that a plugin may hand over.
  static let textLimit = 1 << 16
  /// The most rows that a table of a plugin may have.
  static let rowLimit = 1 << 12

  static func broken(_ message: String) -> MimoError {
    MimoError(.plugin, "the plugin breaks the contract: \(message)", remedy: "This is a fault of the plugin")
  }

  package static func text(_ view: mimo_string, _ what: @autoclosure () -> String) throws(MimoError) -> String {
    guard view.length > 0 else { return "" }
    guard let data = view.data else { throw broken("\(what()) is NULL with length \(view.length)") }
    guard view.length <= textLimit else {
      throw broken("\(what()) has \(view.length) bytes, at most \(textLimit) are allowed")
    }
    let bytes = UnsafeRawBufferPointer(start: data, count: view.length)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw broken("\(what()) is no UTF-8") }
    return text
  }

  static func name(_ view: mimo_string, _ what: @autoclosure () -> String) throws(MimoError) -> String {
    let name = try text(view, what())
    guard !name.isEmpty else { throw broken("\(what()) is empty") }
    let bytes = UnsafeRawBufferPointer(start: view.data, count: view.length)
    guard !bytes.contains(where: { $0 < 0x20 }) else { throw broken("\(what()) holds control characters") }
    return name
  }

  /// A struct that the peer made: not NULL, aligned, and at least as long as ABI 1 has it.
  static func checked<Row>(_ pointer: UnsafePointer<Row>?, _ what: @autoclosure () -> String) throws(MimoError) -> Row {
    guard let pointer else { throw broken("\(what()) is NULL") }
    return try checked(UnsafeRawPointer(pointer), as: Row.self, what())
  }

  /// Every struct begins with `uint32_t struct_size`; nothing behind the peer's size is read.
  private static func checked<Row>(
    _ pointer: UnsafeRawPointer, as type: Row.Type, _ what: @autoclosure () -> String
  ) throws(MimoError) -> Row {
    guard Int(bitPattern: pointer) % MemoryLayout<Row>.alignment == 0 else { throw broken("\(what()) is not aligned") }
    let size = Int(pointer.load(as: UInt32.self))
    guard size >= MemoryLayout<Row>.size else {
      throw broken("\(what()) says struct_size \(size), ABI 1 has \(MemoryLayout<Row>.size)")
    }
    return pointer.load(as: Row.self)
  }

  /// Rows of a table, `stride` bytes apart, each with its struct_size.
  static func rows<Row>(
    _ start: UnsafePointer<Row>?, count: Int, stride: Int, _ what: @autoclosure () -> String
  ) throws(MimoError) -> [Row] {
    guard count >= 0, count <= rowLimit else { throw broken("\(what()) has \(count) rows") }
    guard count > 0 else { return [] }
    guard let start else { throw broken("\(what()) is NULL with \(count) rows") }
    guard stride >= MemoryLayout<Row>.size, stride <= 1 << 16 else {
      throw broken("\(what()) has stride \(stride), ABI 1 has \(MemoryLayout<Row>.size)")
    }
    var rows: [Row] = []
    for i in 0..<count {
      rows.append(try checked(UnsafeRawPointer(start) + i * stride, as: Row.self, "\(what())[\(i)]"))
    }
    return rows
  }

  /// Plain numbers or views.
  static func values<Value>(_ start: UnsafePointer<Value>?, count: Int, _ what: @autoclosure () -> String) throws(MimoError) -> [Value] {
    guard count >= 0, count <= 1 << 20 else { throw broken("\(what()) has \(count) entries") }
    guard count > 0 else { return [] }
    guard let start else { throw broken("\(what()) is NULL with \(count) entries") }
    guard Int(bitPattern: start) % MemoryLayout<Value>.alignment == 0 else { throw broken("\(what()) is not aligned") }
    return Array(UnsafeBufferPointer(start: start, count: count))
  }

  static func shape(_ rank: UInt32, _ dims: UnsafePointer<Int64>?, _ what: @autoclosure () -> String) throws(MimoError) -> GlobalShape {
    guard rank <= MIMO_MAX_RANK else { throw broken("\(what()) has rank \(rank), at most \(MIMO_MAX_RANK) are allowed") }
    let numbers = try values(dims, count: Int(rank), "dims of \(what())").map { Int($0) }
    guard let vector = DimVector(exactly: numbers) else { throw broken("\(what()) has rank \(rank)") }
    return GlobalShape(vector)
  }

  /// nil for the model's own dtype.
  static func dtype(_ value: mimo_dtype, _ what: @autoclosure () -> String) throws(MimoError) -> DType? {
    guard let dtype = BoundaryDType.named(value) else { throw broken("\(what()) has the unknown dtype \(value)") }
    return dtype
  }
}
