import MimoSystem
import PluginABI

/// Negotiation with a loaded library, and the checks on the table that it answers with.
enum PluginTable {
  /// The ABI majors that this host speaks.
  static let abi = ClosedRange(uncheckedBounds: (lower: MIMO_ABI_VERSION, upper: MIMO_ABI_VERSION))
  static let hostVersion: StaticString = "mimo-host 1"

  /// First call: answers the plugin's table, or throws its refusal.
  static func negotiate(_ entry: mimo_entry_function) throws(MimoError) -> UnsafePointer<mimo_plugin> {
    var offer = mimo_offer(
      struct_size: UInt32(MemoryLayout<mimo_offer>.size), abi_min: abi.lowerBound, abi_max: abi.upperBound,
      reserved: 0, host_version: view(of: hostVersion))
    var answer = mimo_answer()
    answer.struct_size = UInt32(MemoryLayout<mimo_answer>.size)
    let status = entry(&offer, &answer)
    guard answer.abi == 0 || abi.contains(answer.abi) else { throw foreign(answer) }
    guard status == MIMO_OK else {
      let refusal = (try? BoundaryReader.text(answer.refusal, "the refusal")) ?? ""
      throw MimoError(
        .plugin, "the plugin refuses this host: " + (refusal.isEmpty ? "it gives no reason" : refusal),
        remedy: "Use a plugin that was built for this version of mimo-host")
    }
    guard let table = answer.plugin else {
      throw BoundaryReader.broken("it answers the first call with success and without a table")
    }
    return table
  }

  private static func foreign(_ answer: mimo_answer) -> MimoError {
    MimoError(
      .plugin, "the plugin speaks ABI \(answer.abi), this host speaks ABI \(abi.lowerBound)",
      remedy: "Use a plugin that was built for this version of mimo-host")
  }

  /// Copies the table, each member checked.
  static func read(_ pointer: UnsafePointer<mimo_plugin>, path: String) throws(MimoError) -> (mimo_plugin, PluginInfo) {
    let table = try BoundaryReader.checked(pointer, "the plugin's table")
    guard abi.contains(table.abi) else {
      throw BoundaryReader.broken("its table is of ABI \(table.abi), this host speaks ABI \(abi.lowerBound)")
    }
    guard table.describe != nil else { throw BoundaryReader.broken("its table has no describe function") }
    let info = PluginInfo(
      path: path, abi: Int(table.abi), family: try BoundaryReader.name(table.family, "family"),
      version: try BoundaryReader.name(table.version, "version"),
      architectures: try names(table.architectures, table.architecture_count, "architectures"),
      components: try components(table), layouts: try names(table.layouts, table.layout_count, "layouts"))
    try info.refuseEmptyOrDoubled()
    return (table, info)
  }

  private static func names(
    _ start: UnsafePointer<mimo_string>?, _ count: Int, _ what: String
  ) throws(MimoError) -> [String] {
    var names: [String] = []
    for (i, view) in try BoundaryReader.values(start, count: count, what).enumerated() {
      names.append(try BoundaryReader.name(view, "\(what)[\(i)]"))
    }
    return names
  }

  private static func components(_ table: mimo_plugin) throws(MimoError) -> [PluginInfo.Component] {
    let rows = try BoundaryReader.rows(
      table.components, count: table.component_count, stride: table.component_stride, "components")
    var components: [PluginInfo.Component] = []
    for row in rows {
      let name = try BoundaryReader.name(row.name, "a component's name")
      components.append(
        PluginInfo.Component(
          name: name, sourcePrefix: try BoundaryReader.text(row.source_prefix, "source_prefix of \(name)"),
          modalityKey: try BoundaryReader.text(row.modality_key, "modality_key of \(name)"),
          targetModulePath: try BoundaryReader.name(row.target_module_path, "target_module_path of \(name)")))
    }
    return components
  }

  private static func view(of text: StaticString) -> mimo_string {
    mimo_string(
      data: UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self), length: text.utf8CodeUnitCount)
  }
}
