import PluginABI

/// One `describe` call: the model that the config stands for, and the host that takes its description.
///
/// Every call that the host refuses throws `Refusal`, so that a description stops at the first failure.
package struct Model {
  let host: UnsafePointer<mimo_host>
  let builder: OpaquePointer
  /// How weights may be encoded; known once config.json was read.
  var quantization = Quantization()

  /// nil, and the host is told why, when its table is shorter than the one that this plugin was compiled with.
  init?(host: UnsafePointer<mimo_host>?, builder: OpaquePointer?) {
    guard let host, let builder else { return nil }
    guard host.pointee.struct_size >= MemoryLayout<mimo_host>.size else {
      Model.refuse(host, builder)
      return nil
    }
    self.host = host
    self.builder = builder
  }

  /// `fail` is a member of the first mimo_host there was.
  private static func refuse(_ host: UnsafePointer<mimo_host>, _ builder: OpaquePointer) {
    guard Int(host.pointee.struct_size) >= Model.firstHostSize else { return }
    _ = host.pointee.fail(builder, mimo_string("this plugin needs a later mimo-host"))
  }

  /// Bytes of the first mimo_host, which ended with `fail`.
  private static let firstHostSize = 216

  /// Tells the host why this model can not be described.
  package func fail(_ message: String) -> Refusal {
    _ = message.lend { host.pointee.fail(builder, $0) }
    return Refusal()
  }

  func check(_ status: mimo_status) throws(Refusal) {
    guard status == MIMO_OK else { throw Refusal() }
  }

  /// The one of the plugin's `architectures` that config.json names.
  package var architecture: Text { Text(view: host.pointee.architecture(builder)) }

  /// What the user asked for; nil when nothing.
  package func option(_ name: StaticString) throws(Refusal) -> Text? {
    var text = mimo_string()
    let status = host.pointee.option(builder, mimo_string(name), &text)
    guard status != MIMO_ABSENT else { return nil }
    try check(status)
    return Text(view: text)
  }

  /// Names the sources that have no place in this layout. `*` stands for any run of characters.
  package func drop(_ pattern: String, reason: String) throws(Refusal) {
    try check(pattern.lend { p in reason.lend { r in host.pointee.drop(builder, p, r) } })
  }

  /// `duplicate` may lie in the checkpoint beside `original`, with the same bits.
  package func tie(_ duplicate: String, to original: String) throws(Refusal) {
    try check(duplicate.lend { d in original.lend { o in host.pointee.tie(builder, d, o) } })
  }
}

/// Element types that a declaration may name.
package enum DType: mimo_dtype {
  case model = 0
  case f32 = 1
  case f16 = 2
  case bf16 = 3
  case u8 = 4
  case f8e4m3 = 5
}
