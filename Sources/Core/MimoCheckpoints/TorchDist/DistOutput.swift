import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer

/// Where everything of a new distributed checkpoint will lie, before a byte is written.
///
/// Each chunk is an item of the file of the rank that would write it: a layer, an expert, a gate or up half is a chunk of
/// its own, because readers load whole items.
package struct DistOutput: Sendable {
  /// A stored chunk as an item. There may be millions: what they share is kept once.
  package struct Item: Sendable {
    /// Byte position of the item in its file.
    package var offset: UInt64
    /// Index into the frames.
    var frame: Int32
    /// Index into `tensors`.
    var tensor: Int32
    /// Index into the places.
    var place: Int32

    package init(offset: UInt64, frame: Int32, tensor: Int32, place: Int32) {
      self.offset = offset
      self.frame = frame
      self.tensor = tensor
      self.place = place
    }
  }

  /// A tensor as the checkpoint knows it: possibly many targets stacked.
  package struct Tensor: Sendable {
    package var key: String
    package var dtype: DType
    package var shape: GlobalShape
    package var items: [Int]
  }

  /// An entry that is written as one item, whatever is in it.
  package struct Entry: Sendable {
    package var key: String
    package var item: [UInt8]
    /// Of a tensor without dimensions; nil for a pickled object.
    package var scalar: DType?

    package init(_ key: String, item: [UInt8], scalar: DType? = nil) {
      self.key = key
      self.item = item
      self.scalar = scalar
    }
  }

  /// The place of an entry.
  package struct Object: Sendable {
    package var key: String
    /// Of a tensor without dimensions; nil for a pickled object.
    package var scalar: DType?
    package var file: Int
    package var offset: UInt64
    /// The item.
    package var bytes: [UInt8]
    package var length: UInt64 { UInt64(bytes.count) }
  }

  package private(set) var catalog = StoredCatalog()
  /// Parallel to `catalog.chunks`.
  package private(set) var items: [Item] = []
  package private(set) var tensors: [Tensor] = []
  package private(set) var objects: [Object] = []

  private var frames: [TensorItemLayout] = []
  private var frameIndex: [TensorSize: Int32] = [:]
  private var places: [DistKey.Place] = []
  private var placeIndex: [DistKey.Place: Int32] = [:]
  private var tensorIndex: [String: Int] = [:]
  private var fileOfRank: [Int]

  private struct TensorSize: Hashable {
    var dtype: DType
    var dims: DimVector
  }

  /// - Parameter dtypes: parallel to the description's targets.
  package init(_ layout: ModelLayout, dtypes: [DType]) throws(MimoError) {
    let states = try ExtraStateItems()
    self.init(worldSize: layout.cluster.worldSize)
    reserve(layout)
    for index in layout.description.targets.indices { try add(target: index, of: layout, dtype: dtypes[index]) }
    for entry in layout.description.stateEntries {
      let prefix = layout.components[entry.component].prefix
      let rank = layout.components[entry.component].grid.layout.rankOffset
      add(Entry(DistOutput.objectKey(entry, prefix: prefix), item: states[entry.key]), rank: rank)
    }
  }

  /// With nothing in it.
  init(worldSize: Int) { fileOfRank = Array(repeating: -1, count: worldSize) }

  private mutating func add(target index: Int, of layout: ModelLayout, dtype: DType) throws(MimoError) {
    let sharding = layout.shardings[index]
    let start = catalog.chunks.count
    var keys = try keys(of: index, in: layout, DistKey.Variant(), dtype: dtype)
    for shard in 0..<sharding.shardCount {
      let file = file(ofRank: sharding.writer(ofShard: shard))
      for piece in sharding.pieces(ofShard: shard) {
        try add(piece, of: &keys[piece.segment], dtype: dtype, file: file)
      }
    }
    endTarget(dtype: dtype, from: start)
  }

  /// The key of each segment of a target.
  mutating func keys(
    of index: Int, in layout: ModelLayout, _ variant: DistKey.Variant, dtype: DType
  ) throws(MimoError) -> [StoredKey] {
    let target = layout.description.targets[index]
    let prefix = layout.components[target.component].prefix
    var keys: [StoredKey] = []
    for segment in 0..<max(1, target.placement.segments.count) {
      let key = DistKey(target, variant, segment: segment, prefix: prefix)
      keys.append(StoredKey(key: key, tensor: try tensor(key, dtype: dtype), place: placeNumber(key.place)))
    }
    return keys
  }

  /// Ends a target whose chunks begin at `start`.
  mutating func endTarget(dtype: DType, from start: Int) {
    catalog.targets.append(StoredTarget(dtype: dtype, chunks: start..<catalog.chunks.count))
  }

  /// The key of a segment, and what its items share.
  struct StoredKey {
    let key: DistKey
    let tensor: Int
    let place: Int32
    /// The frame of the last item, and the size that it was for: shards are alike.
    var extent = DimVector()
    var frame: Int32?
  }

  mutating func add(
    _ piece: ShardPiece, of stored: inout StoredKey, dtype: DType, file: Int
  ) throws(MimoError) {
    if stored.frame == nil || stored.extent != piece.region.extent {
      stored.extent = piece.region.extent
      stored.frame = try frame(TensorSize(dtype: dtype, dims: stored.key.stored(piece.region).extent))
    }
    let frame = stored.frame ?? 0
    let offset = catalog.files[file].size
    tensors[stored.tensor].items.append(items.count)
    items.append(Item(offset: offset, frame: frame, tensor: Int32(stored.tensor), place: stored.place))
    catalog.chunks.append(
      StoredChunk(region: piece.region, file: file, offset: offset + frames[Int(frame)].dataOffset))
    catalog.files[file].size += frames[Int(frame)].length
  }

  private mutating func frame(_ size: TensorSize) throws(MimoError) -> Int32 {
    if let known = frameIndex[size] { return known }
    let index = Int32(frames.count)
    frames.append(try TorchZipItem.tensor(dtype: size.dtype, dims: size.dims))
    frameIndex[size] = index
    return index
  }

  private mutating func placeNumber(_ place: DistKey.Place) -> Int32 {
    if let known = placeIndex[place] { return known }
    let index = Int32(places.count)
    places.append(place)
    placeIndex[place] = index
    return index
  }

  /// The number of chunks is known beforehand: arrays that grow by doubling would take half as much again.
  mutating func reserve(_ layout: ModelLayout) {
    let count = layout.shardings.reduce(0) { $0 + $1.pieceCount }
    catalog.chunks.reserveCapacity(count)
    items.reserveCapacity(count)
    catalog.targets.reserveCapacity(layout.shardings.count)
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

  /// Adds an entry, written by `rank`.
  mutating func add(_ entry: Entry, rank: Int) {
    let file = file(ofRank: rank)
    objects.append(
      Object(
        key: entry.key, scalar: entry.scalar, file: file, offset: catalog.files[file].size, bytes: entry.item))
    catalog.files[file].size += UInt64(entry.item.count)
  }

  /// `<key>/shard_<offsets>_<counts>`. Source: megatron-core `ShardedObject.unique_key`.
  private static func objectKey(_ entry: StateEntryDeclaration, prefix: String) -> String {
    let key = prefix + Template.fill(entry.key, layer: entry.layer?.index, expert: entry.expert?.index) + "/shard_"
    let layer = entry.layer.flatMap { Template.has(Template.layer, in: entry.key) ? nil : $0 }
    let expert = entry.expert.flatMap { Template.has(Template.expert, in: entry.key) ? nil : $0 }
    switch (layer, expert) {
    case (let layer?, let expert?): return key + "\(layer.index).\(expert.index)_\(layer.count).\(expert.count)"
    case (let axis?, nil), (nil, let axis?): return key + "\(axis.index)_\(axis.count)"
    case (nil, nil): return key + "0_1"
    }
  }

  /// The file of a rank, named as torch names it.
  mutating func file(ofRank rank: Int) -> Int {
    if fileOfRank[rank] >= 0 { return fileOfRank[rank] }
    fileOfRank[rank] = catalog.files.count
    catalog.files.append(StoredFile(path: "__\(rank)_0.distcp", size: 0))
    return catalog.files.count - 1
  }
}

// MARK: - Items

extension DistOutput {
  /// The bytes around the elements of an item.
  package func frame(ofItem index: Int) -> TensorItemLayout { frames[Int(items[index].frame)] }

  /// The box of the stored tensor that an item holds.
  package func region(ofItem index: Int) -> Region {
    places[Int(items[index].place)].stored(catalog.chunks[index].region)
  }
}
