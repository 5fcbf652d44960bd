import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// What each rank's module holds: its parameters and persistent buffers, by the names that they have on that rank.
package struct RankInventory: Sendable {
  /// One tensor of one rank.
  package struct Held: Sendable {
    package var spec: TensorSpec
    package var target: Int
    package var shard: Int
    /// Another rank holds the same, or this one does under another name.
    package var isReplica: Bool
  }

  /// Per rank, in the order in which the safetensors library lays a file out.
  package let ranks: [[Held]]

  init(ranks: [[Held]]) { self.ranks = ranks }

  /// - Parameter dtypes: parallel to the description's targets.
  package init(_ layout: ModelLayout, dtypes: [DType]) throws(MimoError) {
    var ranks = [[Held]](repeating: [], count: layout.cluster.worldSize)
    for index in layout.description.targets.indices {
      let sharding = layout.shardings[index]
      let spec = TensorSpec(
        name: layout.localName(index), dtype: dtypes[index], shape: GlobalShape(sharding.localShape.dims))
      for shard in 0..<sharding.shardCount {
        for (copy, rank) in sharding.holders(ofShard: shard).enumerated() {
          ranks[rank].append(Held(spec: spec, target: index, shard: shard, isReplica: copy > 0))
        }
      }
    }
    for alias in layout.description.aliases { RankInventory.add(alias, of: layout, dtype: dtypes[alias.target], to: &ranks) }
    self.ranks = ranks.map(RankInventory.inLibraryOrder)
  }

  /// The copies of a first-stage target on the last stage.
  private static func add(
    _ alias: AliasDeclaration, of layout: ModelLayout, dtype: DType, to ranks: inout [[Held]]
  ) {
    let shape = layout.shardings[alias.target].localShape
    let spec = TensorSpec(name: layout.name(of: alias), dtype: dtype, shape: GlobalShape(shape.dims))
    for (rank, shard) in layout.holders(of: alias) {
      ranks[rank].append(Held(spec: spec, target: alias.target, shard: shard, isReplica: true))
    }
  }

  private static func inLibraryOrder(_ held: [Held]) -> [Held] {
    var byName: [String: Held] = [:]
    for one in held { byName[one.spec.name] = one }
    return TensorSpec.libraryOrder(held.map(\.spec)).compactMap { byName[$0.name] }
  }

  /// The name of a rank's file.
  package static func fileName(ofRank rank: Int) -> String {
    let digits = String(rank)
    return "rank-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ".safetensors"
  }
}

extension RankInventory {
  /// A catalog of these tensors, once it is known where in the rank's file each one begins.
  ///
  /// - Parameter place: file and byte position of the `tensor`-th tensor of a rank.
  func catalog(
    _ layout: ModelLayout, files: [StoredFile], dtypes: [DType],
    place: (_ rank: Int, _ tensor: Int) throws(MimoError) -> (file: Int, offset: UInt64)
  ) throws(MimoError) -> StoredCatalog {
    var chunks = [[StoredChunk]](repeating: [], count: layout.description.targets.count)
    for (rank, tensors) in ranks.enumerated() {
      for (position, held) in tensors.enumerated() {
        let (file, start) = try place(rank, position)
        let sharding = layout.shardings[held.target]
        let strides = rowMajorStrides(sharding.localShape.dims)
        guard let width = held.spec.dtype.byteWidth else {
          throw MimoError(.unsupported, "\(held.spec.dtype.rawValue) can not be sharded", tensor: held.spec.name)
        }
        for piece in sharding.pieces(ofShard: held.shard) {
          let skipped = sharding.dim.map { piece.localOffset * strides[$0] * width } ?? 0
          chunks[held.target].append(
            StoredChunk(
              region: piece.region, file: file, offset: start + UInt64(skipped), strides: strides,
              isReplica: held.isReplica))
        }
      }
    }
    var catalog = StoredCatalog()
    catalog.files = files
    for (target, own) in chunks.enumerated() {
      let start = catalog.chunks.count
      catalog.chunks.append(contentsOf: own)
      catalog.targets.append(StoredTarget(dtype: dtypes[target], chunks: start..<catalog.chunks.count))
    }
    return catalog
  }
}
