import MimoJSON
import MimoPluginHost
import MimoSystem

/// Carries out `mimo-host plugin list`.
func run(_ options: PluginListOptions) throws(MimoError) {
  if !options.probe, options.pluginTimeout != nil {
    throw MimoError(.usage, "--plugin-timeout goes with --probe only", remedy: "Add --probe: without it no plugin is run")
  }
  let folder = PluginFolder(executable: ProgramPath.running)
  let plugins = try folder.plugins()
  guard options.json || !plugins.isEmpty else {
    return try Console.printResult("no plugins in \(folder.folders.joined(separator: " or "))\n")
  }
  if options.probe {
    let probed = ProbedPlugins(plugins, options.pluginTimeout)
    return try options.json ? Console.printResult(probed.json) : Console.printResult(probed.text)
  }
  if options.json {
    let rows = plugins.map { JSONValue.object(["family": .string($0.family), "path": .string($0.path)]) }
    try Console.printResult(.array(rows))
  } else {
    try Console.printResult(plugins.map { "\($0.family.printable)  \($0.path.printable)\n" }.joined())
  }
}

/// What each of the plugins in the folders says about itself, asked in a process of its own.
struct ProbedPlugins {
  private struct Row {
    var path: String
    /// The plugin, or why it can not be used.
    var found: Result<PluginInfo, MimoError>
  }

  private let rows: [Row]

  init(_ plugins: [PluginFolder.Entry], _ timeout: Seconds?) {
    rows = plugins.map { plugin in
      Row(path: plugin.path, found: capture { () throws(MimoError) in try loadPlugin(plugin.path, timeout).info })
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

  var text: String {
    rows.map { row in
      switch row.found {
      case .success(let plugin):
        "\(plugin.family) \(plugin.version)  \(plugin.path)\n"
          + "  layouts \(plugin.layouts.joined(separator: ", "))\n"
          + plugin.architectures.map { "  \($0)\n" }.joined()
      case .failure(let error): "\(row.path.printable) can not be used: \(error.description)\n"
      }
    }.joined()
  }
}
