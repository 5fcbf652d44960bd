import MimoFormats
import MimoPlugins
import MimoSystem

/// Carries out `mimo-host plugin list`.
func run(_ options: PluginListOptions) throws(MimoError) {
  let folder = PluginFolder(executable: ProgramPath.running)
  let listing = PluginListing(try folder.families())
  if options.json {
    try Console.printResult(listing.json)
  } else {
    try Console.printResult(listing.text(folders: folder.folders))
  }
}

/// The shared libraries in the plugin folders: which of them are plugins, and of what.
struct PluginListing {
  private struct Row {
    var path: String
    /// The plugin, or why the file is none.
    var found: Result<PluginInfo, MimoError>
  }

  private let rows: [Row]

  init(_ files: [(family: String, path: String)]) {
    rows = files.map { file in
      Row(path: file.path, found: capture { () throws(MimoError) in try loadPlugin(file.path).info })
    }
  }

  var json: JSONValue {
    .array(
      rows.map { row in
        switch row.found {
        case .success(let plugin): PluginDescription(plugin).json
        case .failure(let error): .object(["path": .string(row.path), "error": .string(error.description)])
        }
      })
  }

  func text(folders: [String]) -> String {
    guard !rows.isEmpty else { return "no plugins in \(folders.joined(separator: " or "))\n" }
    return rows.map { row in
      switch row.found {
      case .success(let plugin):
        "\(plugin.family) \(plugin.version)  \(plugin.path)\n"
          + "  layouts \(plugin.layouts.joined(separator: ", "))\n"
          + plugin.architectures.map { "  \($0)\n" }.joined()
      case .failure(let error): "\(row.path) can not be used: \(error.description)\n"
      }
    }.joined()
  }
}
