import MimoParallel
import MimoPluginHost

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

  /// Name and prefix of each component where Megatron-FSDP has wrapped the model, or each component of a MIMO model.
  ///
  /// Megatron-Bridge 0.6.2 has no FSDP for MIMO models. The names are those that its wrapping of the components, which it
  /// does with DDP, gives in the model's state dict.
  package func wrappedComponents(of plugin: PluginInfo) -> [(name: String, prefix: String)] {
    let names = components(of: plugin)
    guard self == .mimo else { return names.map { ($0.name, FSDPKeys.root + FSDPKeys.wrapper + $0.prefix) } }
    return zip(plugin.components, names).map { component, name in
      let depth = component.modalityKey.isEmpty ? 1 : 2
      var path = component.targetModulePath.split(separator: ".").map { String($0) + "." }
      path.insert(FSDPKeys.wrapper, at: min(depth, path.count))
      return (name.name, FSDPKeys.root + path.joined())
    }
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
