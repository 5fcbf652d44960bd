import MimoFormats
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

/// Where everything of a new distributed checkpoint will lie, before a byte is written.
///
/// Each chunk is an item of the file of the rank that would write it: a layer, an expert, a gate or up half is a chunk of
/// its own, because readers load whole items.
package struct DistOutput: Sendable {
  /// A stored chunk as an item: the frame around its bytes, and its place in the stored tensor.
  package struct Item: Sendable {
    package var frame: TensorItemLayout
    /// Byte position of the item in its file.
    package var offset: UInt64
    /// Index into `tensors`.
    package var tensor: Int
    /// The box of the stored tensor.
    package var region: Region
  }

  /// A tensor as the checkpoint knows it: possibly many targets stacked.
  package struct Tensor: Sendable {
    package var key: String
    package var dtype: DType
    package var shape: GlobalShape
    package var items: [Int]
  }

  /// An entry that is a pickled object.
  package struct Object: Sendable {
    package var key: String
    package var file: Int
    package var offset: UInt64
    package var length: UInt64
  }

  package private(set) var catalog = StoredCatalog()
  /// Parallel to `catalog.chunks`.
  package private(set) var items: [Item] = []
  package private(set) var tensors: [Tensor] = []
  package private(set) var objects: [Object] = []
  /// The bytes that every object has: the empty state of a module.
  package let stateBytes: [UInt8]

  private var tensorIndex: [String: Int] = [:]
  private var fileOfRank: [Int: Int] = [:]

  /// - Parameters:
  ///   - dtypes: parallel to the description's targets.
  ///   - stateBytes: the item of an `_extra_state` entry.
  package init(_ layout: ModelLayout, dtypes: [DType], stateBytes: [UInt8]) throws(MimoError) {
    self.stateBytes = stateBytes
    for index in layout.description.targets.indices { try add(target: index, of: layout, dtype: dtypes[index]) }
    for entry in layout.description.stateEntries { add(entry, of: layout) }
  }

  private mutating func add(target index: Int, of layout: ModelLayout, dtype: DType) throws(MimoError) {
    let target = layout.description.targets[index]
    let sharding = layout.shardings[index]
    let prefix = layout.components[target.component].prefix
    let start = catalog.chunks.count
    var keys: [DistKey] = []
    for segment in 0..<max(1, target.placement.segments.count) {
      keys.append(DistKey(target, segment: segment, prefix: prefix))
    }
    for shard in 0..<sharding.shardCount {
      let file = file(ofRank: sharding.writer(ofShard: shard))
      for piece in sharding.pieces(ofShard: shard) {
        try add(piece, key: keys[piece.segment], dtype: dtype, file: file)
      }
    }
    catalog.targets.append(StoredTarget(dtype: dtype, chunks: start..<catalog.chunks.count))
  }

  private mutating func add(_ piece: ShardPiece, key: DistKey, dtype: DType, file: Int) throws(MimoError) {
    let region = key.stored(piece.region)
    let frame = try TorchZipItem.tensor(dtype: dtype, dims: region.extent)
    let offset = catalog.files[file].size
    let tensor = try tensor(key, dtype: dtype)
    tensors[tensor].items.append(items.count)
    items.append(Item(frame: frame, offset: offset, tensor: tensor, region: region))
    catalog.chunks.append(
      StoredChunk(
        region: piece.region, file: file, offset: offset + frame.dataOffset,
        strides: rowMajorStrides(piece.region.extent)))
    catalog.files[file].size += frame.length
  }

  private mutating func tensor(_ key: DistKey, dtype: DType) throws(MimoError) -> Int {
    if let known = tensorIndex[key.key] {
      guard tensors[known].shape == key.shape, tensors[known].dtype == dtype else {
        throw MimoError(
          .plugin, "targets under one key differ: \(tensors[known].shape) and \(key.shape)", tensor: key.key,
          remedy: "This is a fault of the plugin")
      }
      return known
    }
    tensorIndex[key.key] = tensors.count
    tensors.append(Tensor(key: key.key, dtype: dtype, shape: key.shape, items: []))
    return tensors.count - 1
  }

  private mutating func add(_ entry: StateEntryDeclaration, of layout: ModelLayout) {
    let component = layout.components[entry.component]
    let file = file(ofRank: component.grid.layout.rankOffset)
    let offset = catalog.files[file].size
    objects.append(
      Object(key: DistOutput.objectKey(entry, prefix: component.prefix), file: file, offset: offset,
        length: UInt64(stateBytes.count)))
    catalog.files[file].size += UInt64(stateBytes.count)
  }

  /// `<key>/shard_<offsets>_<counts>`. Source: megatron-core `ShardedObject.unique_key`.
  private static func objectKey(_ entry: StateEntryDeclaration, prefix: String) -> String {
    let key = prefix + Template.fill(entry.key, layer: entry.layer?.index, expert: entry.expert?.index)
    var axes: [AxisPosition] = []
    if let layer = entry.layer, !Template.has(Template.layer, in: entry.key) { axes.append(layer) }
    if let expert = entry.expert, !Template.has(Template.expert, in: entry.key) { axes.append(expert) }
    if axes.isEmpty { axes = [AxisPosition(index: 0, count: 1)] }
    let offsets = axes.map { String($0.index) }.joined(separator: ".")
    let counts = axes.map { String($0.count) }.joined(separator: ".")
    return "\(key)/shard_\(offsets)_\(counts)"
  }

  /// The file of a rank, named as torch names it.
  private mutating func file(ofRank rank: Int) -> Int {
    if let known = fileOfRank[rank] { return known }
    fileOfRank[rank] = catalog.files.count
    catalog.files.append(StoredFile(path: "__\(rank)_0.distcp", size: 0))
    return catalog.files.count - 1
  }
}
