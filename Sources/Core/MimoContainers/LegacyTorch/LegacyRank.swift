import MimoSystem

/// One file of a legacy checkpoint, its pickle read as data: what one rank's module holds.
package struct LegacyRank: Sendable {
  package let path: String
  package let size: UInt64
  private let object: TorchObject
  private let source: PosixByteSource

  package init(path: String) throws(MimoError) {
    self.path = path
    source = try PosixByteSource(path: path)
    size = source.size
    try LegacyRank.refuseOldFile(source)
    object = try TorchObject(file: source)
  }

  /// torch before 1.6 wrote pickles one after the other, without an archive around them.
  private static func refuseOldFile(_ source: PosixByteSource) throws(MimoError) {
    let head = try source.bytes(at: 0, count: Int(min(source.size, 2)))
    guard head.first == 0x80 else { return }
    throw MimoError(
      .unsupported, "was written by torch before 1.6: it is a bare pickle, not a zip archive", path: source.path,
      remedy: "Load and save it once with a newer torch")
  }

  /// The arguments of the training, where they were saved.
  package var arguments: PickleValue? { self["args"] }

  package subscript(key: String) -> PickleValue? { object.value[key] }

  /// Names of all that was saved.
  package var keys: [String] { LegacyRank.pairs(object.value).compactMap(\.key.stringValue) }

  /// The entries of each module: one, or one for each stage of an interleaved pipeline.
  package func modules() throws(MimoError) -> [[(name: String, value: PickleValue)]] {
    var modules: [PickleValue] = []
    if let only = self["model"] { modules = [only] }
    while modules.isEmpty || self["model0"] != nil, let next = self["model\(modules.count)"] { modules.append(next) }
    guard !modules.isEmpty else {
      throw MimoError(.invalidInput, "holds no model", path: path, remedy: "Name a checkpoint of a whole model")
    }
    return modules.map { module in
      LegacyRank.pairs(module).compactMap { pair in pair.key.stringValue.map { (LegacyRank.unwrapped($0), pair.value) } }
    }
  }

  /// Where the elements of a tensor lie in the file; nil for what is no tensor.
  package func tensor(_ value: PickleValue) throws(MimoError) -> StoredTensor? {
    guard case .object(let object) = value, object.callable.module.hasPrefix("torch._") else { return nil }
    return try self.object.tensor(value, in: source)
  }

  /// A name without the `module.` of wrappers before it.
  private static func unwrapped(_ name: String) -> String {
    var rest = name[...]
    while rest.hasPrefix("module.") { rest = rest.dropFirst("module.".count) }
    return String(rest)
  }

  private static func pairs(_ value: PickleValue) -> [PicklePair] {
    switch value {
    case .dict(let pairs): pairs
    case .object(let object): object.dictItems
    default: []
    }
  }
}
