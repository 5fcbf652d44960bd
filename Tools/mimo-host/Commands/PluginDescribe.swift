import MimoCheckpoints
import MimoPluginHost
import MimoSystem

/// Carries out `mimo-host plugin describe`.
func run(_ options: PluginDescribeOptions) throws(MimoError) {
  let description = try describe(options)
  if options.json {
    try Console.printResult(description.json)
  } else {
    try Console.printResult(description.text)
  }
}

private func describe(_ options: PluginDescribeOptions) throws(MimoError) -> PluginDescription {
  let plugin = try loadPlugin(options.plugin, options.pluginTimeout)
  guard let path = options.config else {
    guard options.layout == nil else {
      throw MimoError(.usage, "--layout goes with --config only", remedy: "Name the config whose mappings are to be shown")
    }
    return PluginDescription(plugin.info)
  }
  let config = try ModelConfig(path: absolute(path))
  guard let layout = options.layout ?? plugin.info.layouts.first else {
    throw MimoError(.plugin, "the plugin has no layout", path: plugin.info.path)
  }
  let model = try plugin.describe(config.input(sources: nil, options: [:]), layout: layout)
  return PluginDescription(plugin.info, layout: layout, model)
}
