extension PickleValue {
  /// The first part that is no data to a loader: a global outside of `PicklePolicy.dataGlobals`, or a reference to a storage
  /// that is not there. nil for a value that is data alone.
  ///
  /// - Parameter storageCount: storages that tensors may refer to, by number.
  package func foreignPart(storageCount: Int) -> String? {
    switch self {
    case .none, .bool, .int, .bigInt, .float, .string, .bytes: nil
    case .list(let values), .tuple(let values), .set(let values): PickleValue.foreignPart(of: values, storageCount)
    case .dict(let pairs): PickleValue.foreignPart(of: pairs.flatMap { [$0.key, $0.value] }, storageCount)
    case .global(let name): PicklePolicy.dataGlobals.contains(name) ? nil : name.description
    case .persistentID(let id): id.isStorage(below: storageCount) ? nil : "a storage that is not there"
    case .object(let object): object.foreignPart(storageCount)
    }
  }

  fileprivate static func foreignPart(of values: [PickleValue], _ storageCount: Int) -> String? {
    values.lazy.compactMap { $0.foreignPart(storageCount: storageCount) }.first
  }

  /// Whether this is how torch names one of so many storages.
  private func isStorage(below count: Int) -> Bool {
    guard case .tuple(let id) = self, id.count == 5, id[0] == .string("storage"), case .global(let type) = id[1],
      PicklePolicy.dataGlobals.contains(type), let key = id[2].stringValue, let number = Int(key)
    else { return false }
    return String(number) == key && (0..<count).contains(number) && id[3].stringValue != nil && id[4].intValue != nil
  }
}

extension PickleObject {
  fileprivate func foreignPart(_ storageCount: Int) -> String? {
    guard PicklePolicy.dataGlobals.contains(callable) else { return callable.description }
    let parts = arguments + [state].compactMap(\.self) + listItems + dictItems.flatMap { [$0.key, $0.value] }
    return PickleValue.foreignPart(of: parts, storageCount)
  }
}
