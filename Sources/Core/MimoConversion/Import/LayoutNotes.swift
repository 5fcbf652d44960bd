import MimoMapping
import MimoParallel
import MimoPluginHost

extension ConversionRequest {
  /// What the user should know of the sizes that the request leaves out.
  func layoutNotes(_ plugin: PluginInfo, _ model: ModelDescription) -> [String] {
    guard case .mimo(let components) = layout else { return [] }
    let withExperts = Set(model.targets.filter { $0.expert != nil }.map(\.component))
    return zip(plugin.components.indices, plugin.components).compactMap { index, declared in
      components.first { $0.name == declared.name }?.changedDefaultNote(hasExperts: withExperts.contains(index))
    }
  }
}
