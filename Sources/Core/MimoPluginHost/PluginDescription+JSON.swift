import MimoJSON
import MimoMapping
import MimoParallel
import MimoTensor

extension PluginDescription {
  /// The same for machines.
  package var json: JSONValue {
    var object = JSONObject()
    object["family"] = .string(plugin.family)
    object["version"] = .string(plugin.version)
    object["abi"] = .integer(plugin.abi)
    object["path"] = .string(plugin.path)
    object["architectures"] = .array(plugin.architectures.map { .string($0) })
    object["layouts"] = .array(plugin.layouts.map { .string($0) })
    object["components"] = .array(plugin.components.map(componentJSON))
    if let model { object["model"] = modelJSON(model.layout, model.description) }
    return .object(object)
  }

  private func componentJSON(_ component: PluginInfo.Component) -> JSONValue {
    .object([
      "name": .string(component.name), "source_prefix": .string(component.sourcePrefix),
      "modality_key": .string(component.modalityKey), "target_module_path": .string(component.targetModulePath),
    ])
  }

  private func modelJSON(_ layout: String, _ description: ModelDescription) -> JSONValue {
    .object([
      "layout": .string(layout),
      "targets": .array(description.targets.map { targetJSON($0, layout, description) }),
      "aliases": .array(
        description.aliases.map {
          .object(["name": .string($0.name), "of": .string(description.targets[$0.target].globalName)])
        }),
      "ties": .array(
        description.ties.map { .object(["duplicate": .string($0.duplicate), "original": .string($0.original)]) }),
      "drops": .array(
        description.drops.map { .object(["pattern": .string($0.pattern), "reason": .string($0.reason)]) }),
    ])
  }

  private func targetJSON(_ target: TargetDeclaration, _ layout: String, _ description: ModelDescription) -> JSONValue {
    let name = PluginDescription.fullName(target.globalName, component: target.component, of: plugin, layout: layout)
    var object = JSONObject()
    object["name"] = .string(name)
    object["key"] = .string(target.key)
    object["component"] = .string(plugin.components[target.component].name)
    object["shape"] = shapeJSON(target.shape)
    object["placement"] = .string(PluginDescription.words(for: target.placement))
    object["sources"] = .array(
      PluginDescription.sources(of: target, in: description).map {
        .object(["name": .string($0.name), "shape": shapeJSON($0.shape)])
      })
    object["kernels"] = .array(Set(target.fragments.compactMap(\.kernel?.name)).sorted().map { .string($0) })
    return .object(object)
  }

  private func shapeJSON(_ shape: GlobalShape) -> JSONValue { .array(shape.dims.map { .integer($0) }) }
}
