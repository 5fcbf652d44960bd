import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

extension ModelLayout {
  /// The layout with the rows of each parameter shared out over the fsdp ranks, as Megatron-FSDP's flat buffers do; buffers
  /// of the model stay whole on each rank.
  ///
  /// - Parameter dtypes: parallel to the targets.
  package func sharingRows(_ dtypes: [DType]) throws(MimoError) -> ModelLayout {
    var copy = self
    for members in wrappedModules {
      let parameters = members.map { index in
        FSDPBuckets.Parameter(
          name: description.targets[index].globalName, dtype: dtypes[index], shape: shardings[index].localShape,
          expertRank: shardings[index].expertRank)
      }
      guard let first = members.first else { continue }
      let grid = components[description.targets[first].component].grid
      let buckets = try FSDPBuckets(parameters, ranks: (grid.edp, grid.layout.dp * grid.layout.cp))
      for (index, cuts) in zip(members, buckets.cuts) {
        copy.shardings[index] = try copy.shardings[index].sharingRows(cuts)
      }
    }
    return copy
  }

  /// The parameters that are wrapped together, in the order of the module: a single model as a whole, a MIMO model
  /// component by component.
  private var wrappedModules: [[Int]] {
    let parameters = ModuleOrder.sorted(description.targets.indices.map(globalName)).filter {
      description.targets[$0].kind == .parameter && description.targets[$0].shape.rank > 0
    }
    guard cluster.form == .mimo else { return [parameters] }
    return components.indices.map { component in
      parameters.filter { description.targets[$0].component == component }
    }
  }
}
