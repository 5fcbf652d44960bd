import MimoMapping
import MimoParallel
import MimoSystem

/// The keys under which Megatron-FSDP stores a model: names of the module, a key a layer and an expert.
///
/// Source: megatron-core 0.19.2 `fsdp_dtensor_checkpoint` and Megatron-Bridge 0.6.2 `preprocess_fsdp_dtensor_state_dict`.
package struct FSDPKeys: Sendable {
  /// What stands before all keys of weights.
  package static let root = "model."
  /// What a wrapped module's names begin with.
  package static let wrapper = "module."

  /// Whether the activation of gated layers is SiLU: only then the halves have keys of their own.
  private let isSwiGLU: Bool

  package init(_ description: ModelDescription) {
    let activation = description.providerFields.last { $0.path == "activation_func" }?.value
    isSwiGLU = activation == .name("torch.nn.functional.silu")
  }

  /// How a target is written: with its module's name, in the parts that have keys of their own.
  package func variant(of target: TargetDeclaration) -> DistKey.Variant {
    let parts: DistKey.Variant.Parts =
      if FSDPKeys.isDeltaNet(target) { .named } else if isSwiGLU, FSDPKeys.isGated(target) { .halves } else { .together }
    return DistKey.Variant(key: target.name, parts: parts)
  }

  /// The forms to look for: the one that is written first.
  package func variants(of target: TargetDeclaration) -> [DistKey.Variant] {
    let own = variant(of: target)
    let names = FSDPKeys.names(of: target.name)
    var parts = [own.parts]
    if FSDPKeys.isGated(target) { parts += [.halves, .together].filter { $0 != own.parts } }
    if own.parts == .named { parts.append(.together) }
    return parts.flatMap { parts in names.map { DistKey.Variant(key: $0, parts: parts) } }
  }

  /// A target whose parts have one key can be cut by tp only as the trainer does: rank after rank, so that the rows' order
  /// depends on the layout.
  package static func checkOrder(_ target: TargetDeclaration, _ sharding: Sharding, parts: DistKey.Variant.Parts) throws(MimoError) {
    guard parts == .together, sharding.shardCount > 1, target.placement.segments.count > 1 else { return }
    let axis = target.expert == nil ? "tp" : "etp"
    throw MimoError(
      .unsupported,
      "\(axis)=\(sharding.shardCount) would store its \(target.placement.segments.count) parts rank by rank under one key, which only \(axis)=\(sharding.shardCount) could read again",
      tensor: target.globalName, remedy: "Use \(axis)=1, with a larger fsdp")
  }

  /// The name, and those that other versions and modules give the same parameter.
  private static func names(of name: String) -> [String] {
    var names = [name]
    if name.hasPrefix("mtp."), let inner = name.range(of: ".mtp_model_layer.") {
      names.append(name.replacing(inner, with: ".transformer_layer."))
    }
    for kind in ["weight", "bias"] where name.hasSuffix(".\(kind){expert}") {
      guard let experts = name.range(of: ".experts.") else { continue }
      let rest = name[experts.upperBound...].dropLast("{expert}".count)
      names.append(name[..<experts.upperBound] + "local_experts.{expert}." + rest)
    }
    return names
  }

  /// `in_proj` and `conv1d` of Gated DeltaNet; those of Mamba stay whole.
  private static func isDeltaNet(_ target: TargetDeclaration) -> Bool { target.placement.segments.first?.name == "query" }

  /// A gated `linear_fc1`: dense, of routed or of shared experts.
  private static func isGated(_ target: TargetDeclaration) -> Bool {
    let segments = target.placement.segments
    guard segments.count == 2, target.placement.splitDim == 0, segments.allSatisfy({ $0.name.isEmpty }) else { return false }
    let name = target.name.hasSuffix("{expert}") ? target.name.dropLast("{expert}".count) : target.name[...]
    return ["mlp", "mlp.experts", "mlp.shared_experts"].contains { part in
      ["weight", "bias"].contains { name.hasSuffix(".\(part).linear_fc1.\($0)") }
    }
  }
}

extension String {
  /// Where `needle` is for the first time.
  fileprivate func range(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }

  fileprivate func replacing(_ range: Range<Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
