import MimoMapping
import MimoParallel
import MimoTensor

/// What `plugin describe` prints: a plugin, and what it makes of one model.
package struct PluginDescription: Sendable {
  package var plugin: PluginInfo
  /// Layout and description; nil when no config was given.
  package var model: (layout: String, description: ModelDescription)?

  package init(_ plugin: PluginInfo, layout: String? = nil, _ description: ModelDescription? = nil) {
    self.plugin = plugin
    if let layout, let description { model = (layout, description) }
  }

  /// Whole names as the layout has them: `language_model.decoder...` or `modality_submodules...`.
  package static func fullName(
    _ name: String, component: Int, of plugin: PluginInfo, layout: String
  ) -> String {
    guard plugin.components.indices.contains(component) else { return name }
    let owner = plugin.components[component]
    return switch layout {
    case "mimo": "\(owner.targetModulePath).\(name)"
    case "prime": name
    default: owner.sourcePrefix + name
    }
  }

  /// Sources that a target is made of, in the order in which they first appear.
  static func sources(of target: TargetDeclaration, in description: ModelDescription) -> [SourceDeclaration] {
    var seen: Set<Int> = []
    return target.fragments.compactMap { fragment in
      guard let source = fragment.source, seen.insert(source).inserted else { return nil }
      return description.sources[source]
    }
  }

  /// `stage of layer 3, tp along dim 0 (72 + 72)`; `first stage, replicated`.
  static func words(for placement: Placement) -> String {
    var words: [String] = []
    switch placement.stage {
    case .first: words.append("first stage")
    case .last: words.append("last stage")
    case .layer(let layer): words.append("stage of layer \(layer)")
    }
    if let expert = placement.expert { words.append("expert \(expert.index) of \(expert.count)") }
    let size: String
    let dim: Int
    switch placement.split {
    case .none: return (words + ["replicated"]).joined(separator: ", ")
    case .tp(let along): (size, dim) = ("tp", along)
    case .etp(let along): (size, dim) = ("etp", along)
    }
    let parts = placement.segments.map { $0.name.isEmpty ? "\($0.extent)" : "\($0.name) \($0.extent)" }
    words.append("\(size) along dim \(dim)" + (parts.count > 1 ? " (\(parts.joined(separator: " + ")))" : ""))
    return words.joined(separator: ", ")
  }
}
