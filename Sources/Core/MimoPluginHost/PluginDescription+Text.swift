import MimoMapping
import MimoSystem

extension PluginDescription {
  /// Plain lines for a reader.
  package var text: String {
    var lines = [
      "plugin        \(plugin.family) \(plugin.version) (ABI \(plugin.abi))", "file          \(plugin.path)",
      "architectures \(plugin.architectures.joined(separator: ", "))",
      "layouts       \(plugin.layouts.joined(separator: ", "))",
    ]
    for component in plugin.components {
      let prefix = component.sourcePrefix.isEmpty ? "" : ", megatron \(component.sourcePrefix)*"
      lines.append("component     \(component.name)\(prefix), mimo \(component.targetModulePath).*")
    }
    if let model { lines += modelLines(model.layout, model.description) }
    return lines.map(\.printable).joined(separator: "\n") + "\n"
  }

  private func modelLines(_ layout: String, _ description: ModelDescription) -> [String] {
    var lines = [
      "", "layout \(layout): \(description.sources.count) sources, \(description.targets.count) targets", "",
    ]
    for target in description.targets {
      let name = PluginDescription.fullName(
        target.globalName, component: target.component, of: plugin, layout: layout)
      lines.append("\(name) \(target.shape), \(PluginDescription.words(for: target.placement))")
      for source in PluginDescription.sources(of: target, in: description) {
        lines.append("  <- \(source.name) \(source.shape)")
      }
      for kernel in Set(target.fragments.compactMap(\.kernel?.name)).sorted() { lines.append("  \(kernel)") }
    }
    for alias in description.aliases {
      let target = description.targets[alias.target]
      lines.append("copy on the last stage: \(alias.name) of \(target.globalName)")
    }
    for tie in description.ties { lines.append("tied: \(tie.duplicate) to \(tie.original)") }
    for drop in description.drops { lines.append("dropped: \(drop.pattern): \(drop.reason)") }
    return lines
  }
}
