import Glibc
import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem
import MimoTensor

extension FuzzTarget {
  /// `mp_rank_00/model_optim_rng.pt` of a legacy checkpoint, held against a model of three tensors.
  package static let legacy = FuzzTarget(name: "legacy") { (bytes) throws(MimoError) in
    let folder = temporaryPath("legacy")
    let rank = FileSystem.join(folder, "mp_rank_00")
    let path = FileSystem.join(rank, LegacyCheckpoint.modelFile)
    let file = archive(bytes, storages: 3)
    try FileSystem.createDirectories(rank)
    defer { try? FileSystem.removeTree(folder) }
    try FileSystem.writeSmallFile(path, file)
    guard let checkpoint = try LegacyCheckpoint.find(at: folder) else {
      throw MimoError(.internalError, "the checkpoint is not found")
    }
    let content = try LegacyRank(path: path)
    for module in try content.modules() {
      for (_, value) in module {
        if let tensor = try content.tensor(value) { try checkInside(tensor, size: UInt64(file.count)) }
      }
    }
    let source = try LegacySource(checkpoint, description: try legacyModel.get(), components: [(name: "language", prefix: "")])
    for target in source.catalog.targets {
      for chunk in source.catalog.chunks[target.chunks] where chunk.region.volume > 0 {
        let span = zip(chunk.region.extent, chunk.strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
        guard chunk.offset + UInt64(span * (target.dtype.byteWidth ?? 1)) <= UInt64(file.count) else {
          throw MimoError(.internalError, "a chunk reaches beyond its file")
        }
      }
    }
  }

  /// What the seed in the corpus holds.
  private static let legacyModel = capture { () throws(MimoError) in
    var builder = ModelBuilder(components: ["language"])
    func add(_ name: String, _ rows: Int, layer: Int? = nil) throws(MimoError) {
      let node = try builder.source(name, shape: GlobalShape([rows, 2]), published: nil)
      _ = try builder.target(
        component: 0, name: name, key: "", node: node, kind: .parameter, dtype: nil,
        placement: Placement(stage: layer.map { .layer($0) } ?? .first),
        layer: layer.map { AxisPosition(index: $0, count: 1) }, isVocabulary: layer == nil && rows == 4)
    }
    try add("embedding.word_embeddings.weight", 4)
    try add("decoder.layers.{layer}.self_attention.linear_qkv.weight", 2, layer: 0)
    try add("tied", 2)
    return try builder.finish()
  }
}
