import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

extension DistOutput {
  /// A checkpoint as Megatron-FSDP writes it: for each parameter the rows that each rank holds, in that rank's file.
  ///
  /// - Parameters:
  ///   - layout: its rows shared out.
  ///   - dtypes: parallel to the description's targets.
  ///   - entries: what is no parameter's; rank 0 writes it.
  package init(
    fsdp layout: ModelLayout, dtypes: [DType], entries: [Entry]
  ) throws(MimoError) {
    self.init(worldSize: layout.cluster.worldSize)
    reserve(layout)
    let naming = FSDPKeys(layout.description)
    for rank in DistOutput.writers(of: layout) { _ = file(ofRank: rank) }
    for index in layout.description.targets.indices {
      try add(rowsOf: index, of: layout, naming, dtype: dtypes[index])
    }
    for entry in entries { add(entry, rank: 0) }
  }

  /// The ranks that write anything, ascending: rank 0 always, for the objects.
  private static func writers(of layout: ModelLayout) -> [Int] {
    var writes = [Bool](repeating: false, count: layout.cluster.worldSize)
    writes[0] = true
    for sharding in layout.shardings {
      for shard in 0..<sharding.shardCount {
        for place in sharding.holdingPlaces where sharding.localShape(ofPlace: place).elementCount != 0 {
          writes[sharding.rank(ofShard: shard, fsdpRank: place)] = true
        }
      }
    }
    return writes.indices.filter { writes[$0] }
  }

  private mutating func add(
    rowsOf index: Int, of layout: ModelLayout, _ naming: FSDPKeys, dtype: DType
  ) throws(MimoError) {
    let sharding = layout.shardings[index]
    let variant = naming.variant(of: layout.description.targets[index])
    try FSDPKeys.checkOrder(layout.description.targets[index], sharding, parts: variant.parts)
    let start = catalog.chunks.count
    var keys = try keys(of: index, in: layout, variant, dtype: dtype)
    var boxes: [(piece: ShardPiece, rank: Int)] = []
    for shard in 0..<sharding.shardCount {
      for place in sharding.holdingPlaces {
        let rank = sharding.rank(ofShard: shard, fsdpRank: place)
        let pieces = variant.boxes(sharding.pieces(ofShard: shard, fsdpRank: place), of: sharding)
        boxes += pieces.filter { $0.region.volume > 0 }.map { ($0, rank) }
      }
    }
    boxes.sort { $0.piece.region.offset.lexicographicallyPrecedes($1.piece.region.offset) }
    for box in boxes { try add(box.piece, of: &keys[box.piece.segment], dtype: dtype, file: file(ofRank: box.rank)) }
    endTarget(dtype: dtype, from: start)
  }
}
