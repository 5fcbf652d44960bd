import MimoSystem
import PluginABI

/// A plugin's library, loaded into this process: only a process of the plugin's own does that.
///
/// Its table was checked when it was loaded; the library stays as long as this object does.
package final class LoadedPlugin {
  package let info: PluginInfo
  private let table: mimo_plugin
  private let library: DynamicLibrary

  /// Loads, negotiates and checks. Throws for a file that is no library, has no entry symbol, speaks another ABI, or
  /// hands over a table that breaks the contract.
  package init(path: String) throws(MimoError) {
    library = try DynamicLibrary(path)
    let entry = try LoadedPlugin.entry(of: library)
    do {
      (table, info) = try PluginTable.read(try PluginTable.negotiate(entry), path: path)
    } catch {
      throw error.at(path: path)
    }
  }

  package static func entry(of library: borrowing DynamicLibrary) throws(MimoError) -> mimo_entry_function {
    do {
      return unsafeBitCast(try library.symbol(MIMO_ENTRY_SYMBOL), to: mimo_entry_function.self)
    } catch {
      throw MimoError(
        .plugin, "is a shared library, but no plugin: it does not export \(MIMO_ENTRY_SYMBOL)", path: library.path,
        remedy: "Name a plugin of mimo-host, such as libQwen3VL.so")
    }
  }

  /// Lets it describe a model to `session`; answers the plugin's status.
  package func describe(_ session: DescribeSession, layout: String) -> mimo_status {
    var host = DescribeHost.table
    return describe(session, layout: layout, host: &host)
  }

  /// The same with a table of the caller's.
  package func describe(_ session: DescribeSession, layout: String, host: UnsafePointer<mimo_host>) -> mimo_status {
    var layout = layout
    let builder = OpaquePointer(Unmanaged.passUnretained(session).toOpaque())
    return withExtendedLifetime((self, session)) {
      layout.withUTF8 { bytes in
        let view = mimo_string(
          data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), length: bytes.count)
        return table.describe(host, builder, view)
      }
    }
  }
}
