import MimoTensor

/// Which globals a pickle may name, and how much of it there may be.
package struct PicklePolicy: Sendable {
  /// What the pickle is, for messages.
  package var subject: String
  /// The closed list of globals; nil lets every name stand, as an inert name.
  package var globals: Set<PickleGlobal>?
  /// Whether references to storages may occur.
  package var allowsPersistentIDs: Bool
  package var maximumByteCount = 4 << 30
  package var maximumNodeCount = 1 << 31
  package var maximumNesting = 1 << 10

  /// `.metadata` of torch 2.4 to 2.15 with megatron-core 0.14 to 0.19.
  package static let metadata = PicklePolicy(
    subject: ".metadata", globals: Set(metadataGlobals), allowsPersistentIDs: false)
  /// data.pkl of an item that holds a tensor.
  package static let tensorItem = PicklePolicy(
    subject: "tensor item", globals: Set(tensorGlobals), allowsPersistentIDs: true, maximumByteCount: 1 << 20)
  /// Python objects: nothing is called, so unknown classes stay what they are: names.
  package static let object = PicklePolicy(
    subject: "object", globals: nil, allowsPersistentIDs: true, maximumByteCount: 1 << 30)

  static let dtypes =
    DType.allCases.compactMap(\.torchName).map { PickleGlobal("torch", $0) } + [PickleGlobal("torch", "complex128")]

  private static let metadataGlobals: [PickleGlobal] =
    names(
      "torch.distributed.checkpoint.metadata",
      [
        "Metadata", "TensorStorageMetadata", "TensorProperties", "ChunkStorageMetadata", "BytesStorageMetadata",
        "MetadataIndex", "StorageMeta", "_MEM_FORMAT_ENCODING",
      ])
    + names("torch.distributed.checkpoint.filesystem", ["_StorageInfo", "_StoragePrefix"])
    + names("torch.distributed.checkpoint.planner", ["SavePlan", "WriteItem", "WriteItemType", "TensorWriteData"])
    + names("megatron.core.dist_checkpointing.strategies.torch", ["MCoreMetadata", "MCoreSavePlan"])
    + names("pathlib", ["PosixPath", "PurePosixPath", "WindowsPath"])
    + names("pathlib._local", ["PosixPath", "PurePosixPath", "WindowsPath"])
    + names("torch", ["Size"]) + names("torch.serialization", ["_get_layout"])
    + names("collections", ["OrderedDict"]) + dtypes

  static let tensorGlobals: [PickleGlobal] =
    names("torch._utils", ["_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"])
    + names("torch._tensor", ["_rebuild_from_type_v2"]) + names("torch", ["Tensor", "Size"])
    + names("torch.nn.parameter", ["Parameter"]) + names("torch.storage", ["UntypedStorage"])
    + names("collections", ["OrderedDict"]) + dtypes
    + DType.allCases.compactMap(\.torchStorageName).map { PickleGlobal("torch", $0) }

  static func names(_ module: String, _ names: [String]) -> [PickleGlobal] {
    names.map { PickleGlobal(module, $0) }
  }
}
