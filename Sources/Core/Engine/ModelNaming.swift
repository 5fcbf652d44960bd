import MimoParallel
import MimoPlugins

/// Which of the plugin's layouts names the tensors of a checkpoint.
package enum ModelNaming: String, Sendable {
  /// The single model: `language_model.`, `vision_model.`, or no prefix.
  case megatron
  /// The MIMO model: each component below its own module path.
  case mimo
  /// prime-rl's model: whole names, without a prefix.
  case prime

  package init(_ form: ClusterLayout.Form) {
    self = form == .mimo ? .mimo : .megatron
  }

  /// Name and prefix of each component.
  package func components(of plugin: PluginInfo) -> [(name: String, prefix: String)] {
    plugin.components.map { component in
      switch self {
      case .megatron: (component.name, component.sourcePrefix)
      case .mimo: (component.name, component.targetModulePath + ".")
      case .prime: (component.name, "")
      }
    }
  }
}
