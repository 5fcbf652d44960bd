import MimoSystem
import MimoTensor

/// Takes the catalog out of the pickle of a `.metadata` file.
package struct DistMetadataDecoder {
  private typealias Index = PickleGraph.Index

  private let graph: PickleGraph
  private let path: String
  package private(set) var tensors: [DistTensor] = []
  package private(set) var objects: [DistObject] = []
  private(set) var fileNames: [String] = []
  private(set) var tensorIndex: [String: Int] = [:]

  private enum Class {
    case metadata, tensor, properties, chunk, bytes, index, info, size, layout
    case dtype(DType)
  }
  /// By number of the global.
  private let classes: [Class?]

  /// What a key stands for.
  private enum Entry {
    case tensor(Int)
    case object(Int)
  }
  private var entries: [String: Entry] = [:]
  /// The same by string node: a key's text is usually pickled once and shared.
  private var entryOfNode: [Index: Entry] = [:]
  private var fileOfNode: [Index: Int] = [:]
  private var fileOfName: [String: Int] = [:]
  /// Chunks by offset, of tensors where the hint did not lead to the chunk.
  private var chunksByOffset: [Int: [DimVector: Int]] = [:]

  /// Chunks that may still come: each is a value of its own in the pickle, so more of them are shared lists, which would
  /// make a small file fill the memory.
  private var chunksLeft: Int

  private static let unplaced = -1

  /// Takes the bytes of a `.metadata` file apart.
  package init(_ bytes: [UInt8], path: String) throws(MimoError) {
    graph = try PickleReader.read(bytes, policy: .metadata, path: path)
    self.path = path
    classes = graph.globals.map(Self.classify)
    chunksLeft = graph.nodeCount
    try decode()
  }

  private static func classify(_ global: PickleGlobal) -> Class? {
    switch (global.module, global.name) {
    case ("torch.distributed.checkpoint.metadata", "Metadata"),
      ("megatron.core.dist_checkpointing.strategies.torch", "MCoreMetadata"):
      .metadata
    case ("torch.distributed.checkpoint.metadata", "TensorStorageMetadata"): .tensor
    case ("torch.distributed.checkpoint.metadata", "TensorProperties"): .properties
    case ("torch.distributed.checkpoint.metadata", "ChunkStorageMetadata"): .chunk
    case ("torch.distributed.checkpoint.metadata", "BytesStorageMetadata"): .bytes
    case ("torch.distributed.checkpoint.metadata", "MetadataIndex"): .index
    case ("torch.distributed.checkpoint.filesystem", "_StorageInfo"): .info
    case ("torch", "Size"): .size
    case ("torch.serialization", "_get_layout"): .layout
    case ("torch", let name): DType(torchName: name).map { .dtype($0) }
    default: nil
    }
  }

  private func failure(_ message: String, _ key: String? = nil) -> MimoError {
    MimoError(.invalidInput, message, path: path, tensor: key)
  }

  private mutating func decode() throws(MimoError) {
    guard let state = state(of: graph.root, { if case .metadata = $0 { true } else { false } }) else {
      throw failure("this is no checkpoint metadata")
    }
    guard let catalog = graph.entry(state, "state_dict_metadata"), let storage = graph.entry(state, "storage_data")
    else {
      throw failure("state_dict_metadata or storage_data is missing")
    }
    let isCatalog = try graph.forEachEntry(catalog) { key, value throws(MimoError) in try addEntry(key, value) }
    let isStorage = try graph.forEachEntry(storage) { key, value throws(MimoError) in try place(key, value) }
    guard isCatalog, isStorage else { throw failure("state_dict_metadata or storage_data is no dict") }
    try check()
  }

  /// The attributes of an object of a class; nil when it is something else.
  private func state(of index: Index, _ matches: (Class) -> Bool) -> Index? {
    guard let object = graph.object(index), let number = graph.globalID(object.callable),
      let kind = classes[Int(number)], matches(kind)
    else { return nil }
    return object.state ?? object.arguments
  }

  // MARK: Catalog

  private mutating func addEntry(_ keyNode: Index, _ node: Index) throws(MimoError) {
    guard let key = graph.string(keyNode) else { throw failure("a key is not text") }
    let entry: Entry
    if state(of: node, { if case .bytes = $0 { true } else { false } }) != nil {
      entry = .object(objects.count)
      objects.append(DistObject(key: key, file: Self.unplaced, offset: 0, length: 0))
    } else if let attributes = state(of: node, { if case .tensor = $0 { true } else { false } }) {
      entry = .tensor(tensors.count)
      tensorIndex[key] = tensors.count
      tensors.append(try tensor(key, attributes))
    } else {
      throw failure("the entry is neither a tensor nor bytes", key)
    }
    guard entries.updateValue(entry, forKey: key) == nil else { throw failure("the key occurs twice", key) }
    entryOfNode[keyNode] = entry
  }

  private mutating func tensor(_ key: String, _ attributes: Index) throws(MimoError) -> DistTensor {
    guard let properties = graph.entry(attributes, "properties"), let size = graph.entry(attributes, "size"),
      let list = graph.entry(attributes, "chunks")
    else { throw failure("properties, size or chunks are missing", key) }
    let dtype = try dtype(key, properties)
    guard let dims = dims(size) else { throw failure("the size is not valid or has more than 8 dimensions", key) }
    let shape = GlobalShape(dims)
    guard let volume = shape.elementCount, dtype.byteCount(elements: volume) != nil else {
      throw failure("a tensor of shape \(shape) is too large", key)
    }
    chunksLeft -= graph.count(list) ?? 0
    guard chunksLeft >= 0 else { throw failure("it shares its list of chunks with other tensors", key) }
    var chunks: [DistChunk] = []
    chunks.reserveCapacity(graph.count(list) ?? 0)
    let isList = try graph.forEachItem(list) { item throws(MimoError) in
      guard let attributes = state(of: item, { if case .chunk = $0 { true } else { false } }),
        let offsetNode = graph.entry(attributes, "offsets"), let sizeNode = graph.entry(attributes, "sizes"),
        let offset = self.dims(offsetNode), let extent = self.dims(sizeNode), offset.count == extent.count
      else { throw failure("a chunk is not valid", key) }
      let region = Region(offset: offset, extent: extent)
      guard region.isInside(shape) else { throw failure("the chunk \(region) leaves the shape \(shape)", key) }
      // Ranks without elements may have left empty boxes.
      if volume > 0, region.volume == 0 { return }
      chunks.append(DistChunk(region: region, file: Self.unplaced, offset: 0, length: 0))
    }
    guard isList else { throw failure("the chunks are no list", key) }
    return DistTensor(key: key, dtype: dtype, shape: shape, chunks: chunks)
  }

  /// Five properties until torch 2.14, a sixth (strides) from 2.15 on.
  private func dtype(_ key: String, _ node: Index) throws(MimoError) -> DType {
    guard let state = state(of: node, { if case .properties = $0 { true } else { false } }),
      let properties = graph.tuple(state), properties.count == 5 || properties.count == 6,
      let layout = properties.dropFirst().first, let type = properties.first
    else { throw failure("the properties are not valid", key) }
    guard let arguments = self.state(of: layout, { if case .layout = $0 { true } else { false } }),
      let name = graph.tuple(arguments)?.first, graph.isString(name, "torch.strided")
    else { throw failure("the layout is not torch.strided", key) }
    guard let number = graph.globalID(type) else { throw failure("the element type is not valid", key) }
    guard case .dtype(let dtype)? = classes[Int(number)] else {
      throw MimoError(
        .unsupported, "the element type \(graph.globals[Int(number)]) is not known", path: path, tensor: key)
    }
    return dtype
  }

  /// The numbers of a torch.Size or a plain tuple.
  private func dims(_ node: Index) -> DimVector? {
    var node = node
    if let arguments = state(of: node, { if case .size = $0 { true } else { false } }) {
      guard let range = graph.tupleRange(arguments), range.count == 1 else { return nil }
      node = graph.children[range.lowerBound]
    }
    guard let range = graph.tupleRange(node), range.count <= DimVector.capacity else { return nil }
    var result = DimVector()
    for place in range {
      guard let number = graph.int(graph.children[place]), number >= 0, number < 1 << 56 else { return nil }
      result.append(number)
    }
    return result
  }

  // MARK: Places

  private mutating func place(_ keyNode: Index, _ infoNode: Index) throws(MimoError) {
    guard let index = state(of: keyNode, { if case .index = $0 { true } else { false } }),
      let nameNode = graph.entry(index, "fqn")
    else { throw failure("a key of storage_data is not valid") }
    let entry = try entry(of: nameNode)
    let key: String =
      switch entry {
      case .tensor(let number): tensors[number].key
      case .object(let number): objects[number].key
      }
    guard let info = state(of: infoNode, { if case .info = $0 { true } else { false } }),
      let pathNode = graph.entry(info, "relative_path"), let offsetNode = graph.entry(info, "offset"),
      let lengthNode = graph.entry(info, "length"), let offset = graph.int(offsetNode),
      let length = graph.int(lengthNode), offset >= 0, length > 0
    else { throw failure("its place in storage_data is not valid", key) }
    if let transforms = graph.entry(info, "transform_descriptors"), !graph.isNone(transforms),
      graph.count(transforms) != 0
    {
      throw MimoError(.unsupported, "the item went through a stream extension", path: path, tensor: key)
    }
    let file = try fileNumber(pathNode, key)
    switch entry {
    case .object(let number):
      guard objects[number].file == Self.unplaced else { throw failure("it has two places in storage_data", key) }
      objects[number].file = file
      objects[number].offset = UInt64(offset)
      objects[number].length = UInt64(length)
    case .tensor(let number):
      guard let chunk = try chunk(number, index) else { return }
      guard tensors[number].chunks[chunk].file == Self.unplaced else {
        throw failure("the chunk \(tensors[number].chunks[chunk].region) has two places in storage_data", key)
      }
      tensors[number].chunks[chunk].file = file
      tensors[number].chunks[chunk].offset = UInt64(offset)
      tensors[number].chunks[chunk].length = UInt64(length)
    }
  }

  private mutating func entry(of node: Index) throws(MimoError) -> Entry {
    if let known = entryOfNode[node] { return known }
    guard let name = graph.string(node) else { throw failure("a key of storage_data is not valid") }
    guard let entry = entries[name] else {
      throw failure("it has a place in storage_data, but is not in state_dict_metadata", name)
    }
    entryOfNode[node] = entry
    return entry
  }

  /// The chunk that an index means: its `index` is a hint, its `offset` counts. nil for an empty box.
  private mutating func chunk(_ number: Int, _ index: Index) throws(MimoError) -> Int? {
    let tensor = tensors[number]
    guard let offsetNode = graph.entry(index, "offset"), let offset = dims(offsetNode) else {
      throw failure("a chunk in storage_data has no offset", tensor.key)
    }
    if let hintNode = graph.entry(index, "index"), let hint = graph.int(hintNode), tensor.chunks.indices.contains(hint),
      tensor.chunks[hint].region.offset == offset
    {
      return hint
    }
    if chunksByOffset[number] == nil {
      var table: [DimVector: Int] = [:]
      for (place, chunk) in tensor.chunks.enumerated() { table[chunk.region.offset] = place }
      chunksByOffset[number] = table
    }
    if let found = chunksByOffset[number]?[offset] { return found }
    let isEdge = (0..<min(offset.count, tensor.shape.rank)).contains { offset[$0] == tensor.shape.dims[$0] }
    guard offset.count == tensor.shape.rank, isEdge else {
      throw failure("storage_data has a chunk at \(offset) that the tensor has not", tensor.key)
    }
    return nil
  }

  private mutating func fileNumber(_ node: Index, _ key: String) throws(MimoError) -> Int {
    if let known = fileOfNode[node] { return known }
    guard let name = graph.string(node) else { throw failure("its relative_path is not text", key) }
    guard DistCheckpointNames.isValidFileName(name) else {
      throw failure("its relative_path \(name.debugDescription) is not a plain file name", key)
    }
    let number = fileOfName[name] ?? fileNames.count
    if number == fileNames.count {
      fileNames.append(name)
      fileOfName[name] = number
    }
    fileOfNode[node] = number
    return number
  }

  private func check() throws(MimoError) {
    for object in objects where object.file == Self.unplaced {
      throw failure("it has no place in storage_data", object.key)
    }
    for tensor in tensors {
      for chunk in tensor.chunks where chunk.file == Self.unplaced {
        throw failure("the chunk \(chunk.region) has no place in storage_data", tensor.key)
      }
      do throws(MimoError) { try checkTiling(tensor.chunks.map(\.region), of: tensor.shape) } catch {
        throw error.at(path: path, tensor: tensor.key)
      }
    }
  }
}

/// Which names may stand in a checkpoint.
enum DistCheckpointNames {
  /// One path component, not hidden, without anything that a shell or an operating system takes for a separator.
  static func isValidFileName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 255
      && !name.utf8.contains { $0 == 0x2F || $0 == 0x5C || $0 < 0x20 || $0 == 0x7F }
  }
}
