import Foundation
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// The last look at what was made, before it appears.
@Suite struct MadePickleTests {
  private static let call = PickleValue.object(PickleObject(.call, PickleGlobal("posix", "system"), [.string("true")]))

  /// A checkpoint of one tensor and one object.
  private static func checkpoint(in scratch: borrowing TemporaryFolder, object: PickleValue) throws -> DistCheckpoint {
    let frame = try TorchZipItem.tensor(dtype: .f32, dims: [2])
    let tensor = frame.prefix() + [UInt8](repeating: 0, count: 8) + frame.suffix(dataCRC32: 0)
    let item = TorchZipItem.object(object)
    let folder = scratch.path
    try Data(tensor + item).write(to: URL(filePath: "\(folder)/__0_0.distcp"))
    let shape = GlobalShape([2])
    let metadata = try DistMetadataEncoder.encode(
      tensors: [
        DistTensor(
          key: "weight", dtype: .f32, shape: shape,
          chunks: [DistChunk(region: Region(whole: shape), file: 0, offset: 0, length: UInt64(tensor.count))])
      ],
      objects: [
        DistObject(key: "state/shard_0_1", file: 0, offset: UInt64(tensor.count), length: UInt64(item.count))
      ], fileNames: ["__0_0.distcp"])
    try Data(metadata).write(to: URL(filePath: "\(folder)/.metadata"))
    try Data(DistCheckpointCompanions.metadataJSON).write(to: URL(filePath: "\(folder)/metadata.json"))
    return try DistCheckpoint(iterationFolder: folder)
  }

  @Test func anItemThatNamesAnythingButDataIsAFaultOfOurs() throws {
    let scratch = try TemporaryFolder()
    try MadePickles.check(MadePickleTests.checkpoint(in: scratch, object: .list([.none])))
    let bad = try MadePickleTests.checkpoint(in: scratch, object: .list([MadePickleTests.call]))
    let error = try #require(throws: MimoError.self) { try MadePickles.check(bad) }
    #expect(error.code == .internalError && error.message.contains("posix.system") && error.tensor == "state/shard_0_1")
  }

  @Test(arguments: ["common.pt", "sub/train_state.pt", "sub/other.pt", "notes.txt"])
  func aFileThatALoaderWouldRunIsAFaultOfOurs(name: String) throws {
    let scratch = try TemporaryFolder()
    let path = scratch.path + "/" + name
    try FileManager.default.createDirectory(
      at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
    let clean = TorchZipItem.object(.record(["iteration": .int(1)]))
    if name.hasSuffix("common.pt") || name.hasSuffix("train_state.pt") {
      try Data(clean).write(to: URL(filePath: path))
      try MadePickles.check(folder: scratch.path)
    }
    try Data(TorchZipItem.object(MadePickleTests.call)).write(to: URL(filePath: path))
    let error = try #require(throws: MimoError.self) { try MadePickles.check(folder: scratch.path) }
    #expect(error.code == .internalError && error.path == path)
  }

  /// Every class that megatron-core's loaders take as data is kept, and no other.
  @Test func theClassesThatAreDataAreThoseOfMegatronCore() throws {
    for name in [
      ("argparse", "Namespace"), ("types", "SimpleNamespace"), ("pathlib", "PosixPath"), ("signal", "Signals"),
      ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy._core.multiarray", "_reconstruct"), ("_io", "BytesIO"),
      ("megatron.core.enums", "ModelType"), ("megatron.core.transformer.enums", "AttnBackend"),
      ("megatron.core.rerun_state_machine", "RerunState"), ("torch._C", "Generator"), ("torch", "bfloat16"),
      ("megatron.core.optimizer.optimizer_config", "OptimizerConfig"), ("collections", "OrderedDict"),
    ] {
      #expect(PickleValue.global(PickleGlobal(name.0, name.1)).foreignPart(storageCount: 0) == nil, "\(name)")
    }
    for name in [
      ("builtins", "eval"), ("builtins", "getattr"), ("_codecs", "encode"), ("torch", "load"), ("numpy", "load"),
      ("torch.storage", "_load_from_bytes"), ("megatron.core.transformer.enums", "AttnMaskType"), ("io", "open"),
    ] {
      #expect(PickleValue.global(PickleGlobal(name.0, name.1)).foreignPart(storageCount: 0) != nil, "\(name)")
    }
    let tensor = try PickleValue.tensor(dtype: .f32, dims: [1], storage: 1)
    #expect(tensor.foreignPart(storageCount: 2) == nil && tensor.foreignPart(storageCount: 1) != nil)
  }
}
