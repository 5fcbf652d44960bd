import MimoMapping
import MimoSystem
import PluginABI

/// A loaded plugin. Its table was checked when it was loaded; the library stays as long as this object does.
package final class PluginLibrary {
  package let info: PluginInfo
  private let table: mimo_plugin
  private let library: DynamicLibrary

  /// Loads, negotiates and checks. Throws for a file that is no library, has no entry symbol, speaks another ABI, or
  /// hands over a table that breaks the contract.
  package init(path: String) throws(MimoError) {
    library = try DynamicLibrary(path)
    let address: UnsafeMutableRawPointer
    do {
      address = try library.symbol(MIMO_ENTRY_SYMBOL)
    } catch {
      throw MimoError(
        .plugin, "is a shared library, but no plugin: it does not export \(MIMO_ENTRY_SYMBOL)", path: path,
        remedy: "Name a plugin of mimo-host, such as libQwen3VL.so")
    }
    let entry = unsafeBitCast(address, to: mimo_entry_function.self)
    do {
      (table, info) = try PluginTable.read(try PluginTable.negotiate(entry), path: path)
    } catch {
      throw error.at(path: path)
    }
  }

  /// What `model` is in `layout`: all sources, targets and how the ones are made of the others.
  package func describe(_ model: ModelInput, layout: String) throws(MimoError) -> ModelDescription {
    try describe(model, layout: layout, declarationLimit: DescribeSession.declarationLimit)
  }

  func describe(_ model: ModelInput, layout: String, declarationLimit: Int) throws(MimoError) -> ModelDescription {
    guard info.layouts.contains(layout) else {
      throw MimoError(
        .usage, "plugin \(info.family) has no layout \(layout)", path: info.path,
        remedy: "It has \(info.layouts.joined(separator: ", "))")
    }
    let session = DescribeSession(
      model, architecture: try architecture(of: model), components: info.components.map(\.name),
      limit: declarationLimit)
    let status = withExtendedLifetime(self) { call(session, layout) }
    do {
      return try session.finish(status)
    } catch {
      throw error.at(path: error.code == .plugin ? info.path : nil)
    }
  }

  /// The first of the config's architectures that this plugin serves.
  package func architecture(of model: ModelInput) throws(MimoError) -> String {
    let named = model.architectures
    if let served = named.first(where: info.architectures.contains) { return served }
    let what = named.isEmpty ? "names no architectures" : "is for \(named.joined(separator: ", "))"
    throw MimoError(
      .invalidInput,
      "config.json \(what), plugin \(info.family) serves \(info.architectures.joined(separator: ", "))",
      path: info.path, remedy: "Choose the plugin of the model's family with --plugin")
  }

  private func call(_ session: DescribeSession, _ layout: String) -> mimo_status {
    var host = DescribeHost.table
    var layout = layout
    let builder = OpaquePointer(Unmanaged.passUnretained(session).toOpaque())
    return withExtendedLifetime(session) {
      layout.withUTF8 { bytes in
        let view = mimo_string(
          data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), length: bytes.count)
        return table.describe(&host, builder, view)
      }
    }
  }
}
