import MimoMapping
import MimoParallel

/// The copies of first-stage targets that the last stage's modules hold: a tied output layer, the embedding of a
/// prediction layer.
extension ModelLayout {
  /// The name that a copy has in the module.
  func name(of alias: AliasDeclaration) -> String {
    components[description.targets[alias.target].component].prefix + alias.name
  }

  /// The ranks that hold a copy, and the shard that each holds; none where there is one stage.
  func holders(of alias: AliasDeclaration) -> [(rank: Int, shard: Int)] {
    let grid = components[description.targets[alias.target].component].grid
    guard grid.layout.pp > 1 else { return [] }
    let isSplit = shardings[alias.target].dim != nil
    return grid.ranks.compactMap { rank in
      let place = grid.dense(of: rank)
      return place.pp == grid.layout.pp - 1 ? (rank, isSplit ? place.tp : 0) : nil
    }
  }
}
