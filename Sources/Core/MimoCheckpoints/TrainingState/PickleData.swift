import MimoContainers
import MimoTransfer

/// Separates what is data in a dict that travels from what a loader could be made to run.
package struct PickleData {
  /// Storages that tensors may refer to.
  let storageCount: Int

  package init(storageCount: Int) {
    self.storageCount = storageCount
  }

  /// The entries that are data; the others are named in `omissions`.
  ///
  /// Attributes of a namespace, such as `args`, are left out one by one: a trainer looks each of them up by its name. All
  /// other entries go as a whole, for half of one may mean something else.
  package func entries(_ entries: [PicklePair], of owner: String, _ omissions: inout [Omission]) -> [PicklePair] {
    entries.compactMap { entry in
      guard let part = foreignPart(of: entry) else { return entry }
      let name = "\(owner): \(entry.key.stringValue ?? "an entry whose key is no text")"
      if entry.key.stringValue != nil, let kept = namespace(entry.value, named: name, &omissions) {
        return PicklePair(entry.key, kept)
      }
      omissions.append(Omission(name: name, bytes: 0, reason: PickleData.reason(part)))
      return nil
    }
  }

  /// Why something that names this is left out.
  package static func reason(_ part: String) -> String {
    "names \(part): only data travels, and the classes that megatron-core loads as data"
  }

  private func foreignPart(of pair: PicklePair) -> String? {
    pair.key.foreignPart(storageCount: storageCount) ?? pair.value.foreignPart(storageCount: storageCount)
  }

  /// A namespace with those attributes that are data; nil for anything else.
  private func namespace(
    _ value: PickleValue, named name: String, _ omissions: inout [Omission]
  ) -> PickleValue? {
    guard case .object(var namespace) = value, case .dict(let attributes)? = namespace.state else { return nil }
    namespace.state = nil
    guard PickleData.namespaces.contains(namespace.callable),
      PickleValue.object(namespace).foreignPart(storageCount: storageCount) == nil
    else { return nil }
    namespace.state = .dict(
      attributes.filter { attribute in
        guard let part = foreignPart(of: attribute) else { return true }
        let label = attribute.key.stringValue ?? "an attribute whose name is no text"
        omissions.append(Omission(name: "\(name).\(label)", bytes: 0, reason: PickleData.reason(part)))
        return false
      })
    return .object(namespace)
  }

  private static let namespaces: Set<PickleGlobal> = [
    PickleGlobal("argparse", "Namespace"), PickleGlobal("types", "SimpleNamespace"),
  ]
}
