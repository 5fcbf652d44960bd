import MimoSystem
import MimoTensor

/// A tensor as a pickle describes it: a strided view of a numbered storage.
package struct TorchTensorReference: Sendable, Hashable {
  package var dtype: DType
  package var dims: DimVector
  /// In elements.
  package var strides: DimVector
  /// First element, in elements from the storage's start.
  package var storageOffset: Int
  /// Names member `data/<key>` of the archive.
  package var storageKey: String
  /// Bytes of the storage.
  package var storageLength: Int

  /// Reads the call that rebuilds a tensor; checks that the view lies in its storage.
  package init(_ value: PickleValue, path: String? = nil) throws(MimoError) {
    guard let call = Self.rebuildCall(value) else {
      throw MimoError(.invalidInput, "a tensor is expected", path: path)
    }
    func bad(_ what: String) -> MimoError { MimoError(.invalidInput, "the tensor's \(what) is not valid", path: path) }
    let arguments = call.arguments
    guard arguments.count >= 4, case .persistentID(.tuple(let id)) = arguments[0], id.count == 5,
      id[0] == .string("storage"), case .global(let storageClass) = id[1], case .string(let key) = id[2],
      case .int(let count) = id[4], count >= 0
    else { throw bad("storage") }
    storageKey = key
    if call.callable.name == "_rebuild_tensor_v3" {
      guard arguments.count >= 7, case .global(let name) = arguments[6], name.module == "torch",
        let type = DType(torchName: name.name)
      else { throw bad("element type") }
      dtype = type
      storageLength = Int(count)
    } else {
      guard storageClass.module == "torch", let type = DType(torchStorageName: storageClass.name),
        let bytes = type.byteCount(elements: Int(count))
      else { throw bad("storage type \(storageClass)") }
      dtype = type
      storageLength = bytes
    }
    guard case .int(let offset) = arguments[1], offset >= 0 else { throw bad("offset") }
    storageOffset = Int(offset)
    guard let dims = Self.numbers(arguments[2]), let strides = Self.numbers(arguments[3]), dims.count == strides.count
    else {
      throw bad("shape")
    }
    self.dims = dims
    self.strides = strides
    guard isInsideStorage else { throw bad("view, which leaves its storage,") }
  }

  /// Looks through the wrappers that torch puts around parameters and subclasses.
  private static func rebuildCall(_ value: PickleValue) -> PickleObject? {
    guard case .object(let object) = value, object.creation == .call else { return nil }
    switch (object.callable.module, object.callable.name) {
    case ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor_v3"): return object
    case ("torch._utils", "_rebuild_parameter"):
      guard let inner = object.arguments.first, case .object(let call) = inner,
        call.callable.name.hasPrefix("_rebuild_tensor_v")
      else { return nil }
      return rebuildCall(inner)
    case ("torch._tensor", "_rebuild_from_type_v2"):
      guard object.arguments.count >= 3, case .global(let callable) = object.arguments[0],
        case .tuple(let arguments) = object.arguments[2], callable.module == "torch._utils"
      else { return nil }
      return rebuildCall(.object(PickleObject(.call, callable, arguments)))
    default: return nil
    }
  }

  private static func numbers(_ value: PickleValue) -> DimVector? {
    var value = value
    if case .object(let size) = value, size.callable == PickleGlobal("torch", "Size"), size.arguments.count == 1 {
      value = size.arguments[0]
    }
    guard case .tuple(let items) = value, items.count <= DimVector.capacity else { return nil }
    var result = DimVector()
    for item in items {
      guard case .int(let number) = item, number >= 0, number < 1 << 56 else { return nil }
      result.append(Int(number))
    }
    return result
  }

  private var isInsideStorage: Bool {
    guard let elements = product(dims), let bytes = dtype.byteCount(elements: elements), let width = dtype.byteWidth,
      bytes >= 0
    else { return false }
    if elements == 0 { return true }
    var last = storageOffset
    for i in 0..<dims.count {
      let (reach, overflow) = (dims[i] - 1).multipliedReportingOverflow(by: strides[i])
      let (sum, overflow2) = last.addingReportingOverflow(reach)
      if overflow || overflow2 { return false }
      last = sum
    }
    return last < storageLength / width
  }

  /// Whether the elements lie one after the other in row-major order.
  package var isContiguous: Bool {
    if dims.contains(0) { return true }
    var expected = 1
    for i in (0..<dims.count).reversed() {
      if dims[i] != 1, strides[i] != expected { return false }
      expected *= dims[i]
    }
    return true
  }
}
