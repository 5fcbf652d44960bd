import MimoSystem
import MimoTensor

/// Writes `.metadata` files that torch 2.4 to 2.15 and megatron-core 0.14 to 0.19 load.
///
/// Protocol 2; properties have five members, because torch before 2.15 can not unpack a sixth; no storage_meta.
package struct DistMetadataEncoder {
  private var pickle: PickleWriter
  private let tensors: [DistTensor]
  private let objects: [DistObject]
  private let fileNames: [String]
  private let plannerPath: ((String) -> [String])?

  private static let metadataModule = "torch.distributed.checkpoint.metadata"
  private static let metadata = PickleGlobal(metadataModule, "Metadata")
  private static let tensorMetadata = PickleGlobal(metadataModule, "TensorStorageMetadata")
  private static let properties = PickleGlobal(metadataModule, "TensorProperties")
  private static let chunkMetadata = PickleGlobal(metadataModule, "ChunkStorageMetadata")
  private static let bytesMetadata = PickleGlobal(metadataModule, "BytesStorageMetadata")
  private static let index = PickleGlobal(metadataModule, "MetadataIndex")
  private static let memoryFormat = PickleGlobal(metadataModule, "_MEM_FORMAT_ENCODING")
  private static let info = PickleGlobal("torch.distributed.checkpoint.filesystem", "_StorageInfo")
  private static let size = PickleGlobal("torch", "Size")
  private static let layout = PickleGlobal("torch.serialization", "_get_layout")

  /// The bytes of `.metadata`. The catalog is checked first: keys, tiling, files.
  ///
  /// - Parameter plannerPath: where a key's entry is in the nested dict that a trainer saved, as torch's default planner
  ///   notes it; nil for megatron-core, which notes nothing.
  package static func encode(
    tensors: [DistTensor], objects: [DistObject], fileNames: [String], plannerPath: ((String) -> [String])? = nil
  ) throws(MimoError) -> [UInt8] {
    try check(tensors, objects, fileNames)
    var encoder = DistMetadataEncoder(
      tensors: tensors, objects: objects, fileNames: fileNames, plannerPath: plannerPath)
    try encoder.write()
    return encoder.pickle.finish()
  }

  private init(
    tensors: [DistTensor], objects: [DistObject], fileNames: [String], plannerPath: ((String) -> [String])?
  ) {
    self.plannerPath = plannerPath
    self.tensors = tensors
    self.objects = objects
    self.fileNames = fileNames
    let chunkCount = tensors.reduce(0) { $0 + $1.chunks.count }
    pickle = PickleWriter(reserving: 1024 + 160 * (chunkCount + objects.count + tensors.count))
  }

  private static func check(
    _ tensors: [DistTensor], _ objects: [DistObject], _ fileNames: [String]
  ) throws(MimoError) {
    for name in fileNames where !DistCheckpointNames.isValidFileName(name) {
      throw MimoError(.internalError, "\(name.debugDescription) is no file name for a checkpoint")
    }
    var keys = Set<String>(minimumCapacity: tensors.count + objects.count)
    for tensor in tensors {
      guard !tensor.key.isEmpty, !tensor.key.utf8.contains(0x2F), keys.insert(tensor.key).inserted else {
        throw MimoError(.internalError, "a tensor's key is empty, has a slash or occurs twice", tensor: tensor.key)
      }
      do throws(MimoError) { try checkTiling(tensor.chunks.map(\.region), of: tensor.shape) } catch {
        throw error.at(tensor: tensor.key)
      }
      for chunk in tensor.chunks where !fileNames.indices.contains(chunk.file) {
        throw MimoError(.internalError, "there is no file \(chunk.file)", tensor: tensor.key)
      }
    }
    for object in objects {
      guard !object.key.isEmpty, keys.insert(object.key).inserted else {
        throw MimoError(.internalError, "an object's key is empty or occurs twice", tensor: object.key)
      }
      guard fileNames.indices.contains(object.file) else {
        throw MimoError(.internalError, "there is no file \(object.file)", tensor: object.key)
      }
    }
  }

  private mutating func write() throws(MimoError) {
    open(Self.metadata)
    pickle.string("state_dict_metadata")
    pickle.op(.emptyDict)
    pickle.op(.mark)
    for tensor in tensors { try write(tensor) }
    for object in objects {
      pickle.string(object.key)
      pickle.global(Self.bytesMetadata)
      pickle.op(.emptyTuple)
      pickle.op(.newObj)
    }
    pickle.op(.setItems)
    pickle.string("planner_data")
    writePlannerData()
    pickle.string("storage_data")
    pickle.op(.emptyDict)
    pickle.op(.mark)
    for tensor in tensors {
      for (number, chunk) in tensor.chunks.enumerated() {
        place(tensor.key, number, chunk.region.offset, chunk.file, chunk.offset, chunk.length)
      }
    }
    for object in objects { place(object.key, nil, nil, object.file, object.offset, object.length) }
    pickle.op(.setItems)
    pickle.string("storage_meta")
    pickle.none()
    pickle.string("version")
    pickle.string("1.0.0")
    close()
  }

  private mutating func writePlannerData() {
    guard let plannerPath else { return pickle.none() }
    pickle.op(.emptyDict)
    pickle.op(.mark)
    for key in tensors.map(\.key) + objects.map(\.key) {
      pickle.string(key)
      pickle.op(.mark)
      for step in plannerPath(key) { pickle.string(step) }
      pickle.op(.tuple)
    }
    pickle.op(.setItems)
  }

  /// Begins an object and its attributes.
  private mutating func open(_ type: PickleGlobal) {
    pickle.global(type)
    pickle.op(.emptyTuple)
    pickle.op(.newObj)
    pickle.op(.emptyDict)
    pickle.op(.mark)
  }

  private mutating func close() {
    pickle.op(.setItems)
    pickle.op(.build)
  }

  private mutating func size(_ name: String, _ dims: DimVector) {
    pickle.string(name)
    pickle.global(Self.size)
    pickle.ints(dims)
    pickle.op(.tuple1)
    pickle.op(.reduce)
  }

  private mutating func write(_ tensor: DistTensor) throws(MimoError) {
    guard let typeName = tensor.dtype.torchName else {
      throw MimoError(.unsupported, "torch has no element type \(tensor.dtype.rawValue)", tensor: tensor.key)
    }
    pickle.string(tensor.key)
    open(Self.tensorMetadata)
    pickle.string("properties")
    pickle.global(Self.properties)
    pickle.op(.emptyTuple)
    pickle.op(.newObj)
    pickle.op(.mark)
    pickle.global(PickleGlobal("torch", typeName))
    pickle.global(Self.layout)
    pickle.string("torch.strided")
    pickle.op(.tuple1)
    pickle.op(.reduce)
    pickle.bool(false)
    pickle.global(Self.memoryFormat)
    pickle.int(0)
    pickle.op(.tuple1)
    pickle.op(.reduce)
    pickle.bool(false)
    pickle.op(.tuple)
    pickle.op(.build)
    size("size", tensor.shape.dims)
    pickle.string("chunks")
    pickle.op(.emptyList)
    pickle.op(.mark)
    for chunk in tensor.chunks {
      open(Self.chunkMetadata)
      size("offsets", chunk.region.offset)
      size("sizes", chunk.region.extent)
      close()
    }
    pickle.op(.appends)
    close()
  }

  private mutating func place(
    _ key: String, _ number: Int?, _ offset: DimVector?, _ file: Int, _ start: UInt64, _ length: UInt64
  ) {
    open(Self.index)
    pickle.string("fqn")
    pickle.string(key)
    pickle.string("index")
    if let number { pickle.int(Int64(number)) } else { pickle.none() }
    if let offset { size("offset", offset) }
    close()
    open(Self.info)
    pickle.string("relative_path")
    pickle.string(fileNames[file])
    pickle.string("offset")
    pickle.int(Int64(clamping: start))
    pickle.string("length")
    pickle.int(Int64(clamping: length))
    close()
  }
}
