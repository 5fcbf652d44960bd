import MimoSystem

/// What a plugin says about itself, copied out of its table.
package struct PluginInfo: Sendable, Equatable {
  /// A part of the model with a parallel layout of its own.
  package struct Component: Sendable, Equatable {
    package var name: String
    /// In the single-model naming: `language_model.`, `vision_model.`.
    package var sourcePrefix: String
    /// Empty for the language model.
    package var modalityKey: String
    /// In the MIMO naming, without a dot at the end.
    package var targetModulePath: String
  }

  package var path: String
  package var abi: Int
  package var family: String
  package var version: String
  package var architectures: [String]
  package var components: [Component]
  package var layouts: [String]
}

extension PluginInfo {
  /// Throws for a table without names, or with one twice.
  func refuseEmptyOrDoubled() throws(MimoError) {
    for (what, names) in [
      ("architectures", architectures), ("components", components.map(\.name)), ("layouts", layouts),
    ] {
      guard !names.isEmpty else { throw BoundaryReader.broken("its table has no \(what)") }
      guard Set(names).count == names.count else { throw BoundaryReader.broken("its \(what) hold a name twice") }
    }
  }

  func write(to wire: inout WireWriter) {
    wire.int(abi)
    wire.text(family)
    wire.text(version)
    wire.list(architectures) { $0.text($1) }
    wire.list(layouts) { $0.text($1) }
    wire.list(components) { wire, component in
      wire.text(component.name)
      wire.text(component.sourcePrefix)
      wire.text(component.modalityKey)
      wire.text(component.targetModulePath)
    }
  }

  /// As strict as the reading of the table itself: the process that sends it runs the plugin's code.
  init(from wire: inout WireReader, path: String) throws(MimoError) {
    self.path = path
    abi = try wire.int()
    family = try wire.name()
    version = try wire.name()
    architectures = try wire.list { (wire) throws(MimoError) in try wire.name() }
    layouts = try wire.list { (wire) throws(MimoError) in try wire.name() }
    components = try wire.list { (wire) throws(MimoError) in
      Component(
        name: try wire.name(), sourcePrefix: try wire.text(), modalityKey: try wire.text(),
        targetModulePath: try wire.name())
    }
    guard let major = UInt32(exactly: abi), PluginTable.abi.contains(major) else {
      throw wire.unreadable("the foreign ABI \(abi)")
    }
    try refuseEmptyOrDoubled()
  }
}
