import MimoMapping
import MimoParallel

extension DistKey {
  /// Who names the tensors of a distributed checkpoint.
  package enum Form: Sendable {
    /// megatron-core: `torch_dist`.
    case torchDist
    /// Megatron-FSDP: `fsdp_dtensor`.
    case fsdp(FSDPKeys)

    /// How a target is written.
    package func variant(of target: TargetDeclaration) -> Variant {
      switch self {
      case .torchDist: Variant()
      case .fsdp(let keys): keys.variant(of: target)
      }
    }

    /// How a target may have been written, the above first.
    package func variants(of target: TargetDeclaration) -> [Variant] {
      switch self {
      case .torchDist: DistKey.variants(of: target)
      case .fsdp(let keys): keys.variants(of: target)
      }
    }
  }
}

extension DistKey.Variant {
  /// Pieces of a shard as boxes of stored tensors: those under one key that follow each other are one.
  func boxes(_ pieces: [ShardPiece], of sharding: Sharding) -> [ShardPiece] {
    parts == .together && sharding.dim == 0 && sharding.shardCount == 1 ? Sharding.joined(pieces) : pieces
  }
}
