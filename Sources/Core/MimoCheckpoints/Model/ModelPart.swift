import MimoMapping
import MimoPluginHost
import MimoSystem

/// What of a model a checkpoint holds, or a conversion is about: all of it, or one component.
package struct ModelPart {
  /// nil: all.
  package let component: String?
  /// The plugin as if it had these components alone.
  package let plugin: PluginInfo
  private let index: Int?
  private let whole: PluginInfo

  package init(_ component: String?, of plugin: PluginInfo) throws(MimoError) {
    self.component = component
    whole = plugin
    var part = plugin
    index = component.flatMap { name in plugin.components.firstIndex { $0.name == name } }
    if let component, index == nil {
      throw MimoError(
        .usage, "the model has no component '\(component)'",
        remedy: "Its components are \(plugin.components.map(\.name).joined(separator: ", "))")
    }
    if let index { part.components = [plugin.components[index]] }
    self.plugin = part
  }

  /// One component that is not the language model.
  package var isEncoder: Bool { component != nil && plugin.components.first?.modalityKey.isEmpty == false }

  /// The model's description, as far as this part goes.
  package func described(_ model: ModelDescription) -> ModelDescription {
    index.map { model.keeping(component: $0) } ?? model
  }

  /// What the names of the other components begin with.
  func others(_ components: (PluginInfo) -> [(name: String, prefix: String)]) -> [String] {
    guard let index else { return [] }
    var others = components(whole).map(\.prefix)
    others.remove(at: index)
    return others.filter { !$0.isEmpty }
  }

  /// Of targets in the whole model, those of this part.
  package func targets(of model: ModelDescription) -> [Int] {
    model.targets.indices.filter { index == nil || model.targets[$0].component == index }
  }
}
