import PluginABI

/// What a plugin says about itself.
package struct Plugin {
  package var family: StaticString
  package var version: StaticString
  package var architectures: [StaticString]
  package var components: [Component]
  package var layouts: [StaticString]

  package init(
    family: StaticString, version: StaticString, architectures: [StaticString], components: [Component],
    layouts: [StaticString]
  ) {
    self.family = family
    self.version = version
    self.architectures = architectures
    self.components = components
    self.layouts = layouts
  }

  /// A part of the model with a parallel layout of its own.
  package struct Component {
    package var name: StaticString
    package var sourcePrefix: StaticString
    package var modalityKey: StaticString
    package var modulePath: StaticString

    package init(
      name: StaticString, sourcePrefix: StaticString, modalityKey: StaticString = "", modulePath: StaticString
    ) {
      self.name = name
      self.sourcePrefix = sourcePrefix
      self.modalityKey = modalityKey
      self.modulePath = modulePath
    }
  }

  package typealias Describe =
    @convention(c) (UnsafePointer<mimo_host>?, OpaquePointer?, mimo_string) -> mimo_status

  /// Answers the host's first call: the table, or why not.
  package func answer(
    _ offer: UnsafePointer<mimo_offer>?, _ answer: UnsafeMutablePointer<mimo_answer>?, describe: Describe
  ) -> mimo_status {
    guard let offer, let answer, answer.pointee.struct_size >= MemoryLayout<mimo_answer>.size else {
      return MIMO_FAILED
    }
    answer.pointee.abi = MIMO_ABI_VERSION
    guard offer.pointee.struct_size >= MemoryLayout<mimo_offer>.size else {
      answer.pointee.refusal = mimo_string("the host's offer is shorter than ABI 1's")
      return MIMO_FAILED
    }
    guard offer.pointee.abi_min <= MIMO_ABI_VERSION, MIMO_ABI_VERSION <= offer.pointee.abi_max else {
      answer.pointee.refusal = mimo_string("this plugin speaks ABI 1 only")
      return MIMO_FAILED
    }
    answer.pointee.plugin = UnsafePointer(table(describe))
    return MIMO_OK
  }

  /// Made once a load and never freed: the host may look at it for as long as the library is there.
  private func table(_ describe: Describe) -> UnsafeMutablePointer<mimo_plugin> {
    let table = UnsafeMutablePointer<mimo_plugin>.allocate(capacity: 1)
    table.initialize(to: mimo_plugin())
    table.pointee.struct_size = UInt32(MemoryLayout<mimo_plugin>.size)
    table.pointee.abi = MIMO_ABI_VERSION
    table.pointee.family = mimo_string(family)
    table.pointee.version = mimo_string(version)
    table.pointee.architectures = kept(architectures.map { mimo_string($0) })
    table.pointee.architecture_count = architectures.count
    table.pointee.components = kept(components.map { $0.row })
    table.pointee.component_count = components.count
    table.pointee.component_stride = MemoryLayout<mimo_component>.stride
    table.pointee.layouts = kept(layouts.map { mimo_string($0) })
    table.pointee.layout_count = layouts.count
    table.pointee.describe = describe
    return table
  }

  private func kept<Row>(_ rows: [Row]) -> UnsafePointer<Row> {
    let memory = UnsafeMutablePointer<Row>.allocate(capacity: rows.count)
    for (i, row) in rows.enumerated() { (memory + i).initialize(to: row) }
    return UnsafePointer(memory)
  }
}

extension Plugin.Component {
  fileprivate var row: mimo_component {
    mimo_component(
      struct_size: UInt32(MemoryLayout<mimo_component>.size), reserved: 0, name: mimo_string(name),
      source_prefix: mimo_string(sourcePrefix), modality_key: mimo_string(modalityKey),
      target_module_path: mimo_string(modulePath))
  }
}

/// Runs a family's description and turns its end into a status.
package func describe(
  _ host: UnsafePointer<mimo_host>?, _ builder: OpaquePointer?, _ layout: mimo_string,
  _ body: (Model, Text) throws(Refusal) -> Void
) -> mimo_status {
  guard var model = Model(host: host, builder: builder) else { return MIMO_FAILED }
  do throws(Refusal) {
    model.quantization = try Quantization(reading: model)
    try body(model, Text(view: layout))
    return MIMO_OK
  } catch {
    return MIMO_FAILED
  }
}
