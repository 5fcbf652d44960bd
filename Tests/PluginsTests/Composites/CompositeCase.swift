import AlgebraSupport
import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoTensor
import Testing

/// A part of PluginKit that families share, with a family to drive it.
struct Composite: Sendable, CustomTestStringConvertible {
  let name: String
  let make: @Sendable (inout Sizes) -> CompositeCase

  var testDescription: String { name }

  static let all = attention + latentAttention + mlp + experts + recurrent
}

/// One model of random sizes: its checkpoint, and what each tensor of the module means, written down element by element.
///
/// Nothing here asks the plugin: meanings are those of Megatron-core's modules and of transformers' checkpoints.
struct CompositeCase {
  /// What a tensor of the module holds on the rank that has this share of what is split; all of it for `.whole`.
  struct Meaning {
    enum Split { case none, tp, etp }
    var split: Split
    var held: (Share) -> PlainTensor
  }

  let family: String
  let layout: String
  var config: JSONValue
  /// Prefixes of the checkpoint's names and of the module's.
  let reads: String
  let holds: String
  /// Below `holds`: where every tensor has a meaning.
  let scope: String
  private(set) var sources: [(name: String, dims: [Int])] = []
  private(set) var meanings: [String: Meaning] = [:]

  init(
    _ family: String, _ architecture: String, layout: String = "megatron", reads: String = "model.layers.0.",
    holds: String = "decoder.layers.0.", scope: String, numbers: [String: Int]
  ) {
    (self.family, self.layout, self.reads, self.holds, self.scope) = (family, layout, reads, holds, scope)
    config = .object(["architectures": .array([.string(architecture)])])
    for (key, number) in CompositeCase.other.merging(numbers, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
      config = config.with(key, .integer(number))
    }
  }

  /// Sizes of what is not looked at.
  private static let other = [
    "num_hidden_layers": 1, "hidden_size": 4, "vocab_size": 6, "num_attention_heads": 2, "num_key_value_heads": 1,
    "head_dim": 2, "intermediate_size": 3, "moe_intermediate_size": 3, "n_routed_experts": 2,
    "num_local_experts": 2, "first_k_dense_replace": 1, "full_attention_interval": 1,
    "shared_expert_intermediate_size": 2,
  ]

  /// A tensor of the checkpoint.
  mutating func source(_ name: String, _ dims: Int...) -> PlainTensor {
    sources.append((reads + name, dims))
    return PlainTensor(source: sources.count - 1, dims: dims)
  }

  /// Every rank holds `tensor`.
  mutating func means(_ name: String, _ tensor: PlainTensor) {
    meanings[holds + name] = Meaning(split: .none) { _ in tensor }
  }

  mutating func means(_ name: String, by split: Meaning.Split = .tp, _ held: @escaping (Share) -> PlainTensor) {
    meanings[holds + name] = Meaning(split: split, held: held)
  }

  // MARK: What the plugin says

  /// The plugin's description of it, with the tensors at hand: their names tell the storage form.
  func describe() throws -> [String: TargetDeclaration] {
    let shapes = Dictionary(uniqueKeysWithValues: sources.map { ($0.name, shape($0.dims)) })
    let described = try Described(ModelInput(config: config, sources: shapes), layout: layout, family: family)
    let numbers = Dictionary(uniqueKeysWithValues: sources.enumerated().map { ($1.name, $0) })
    let declared = described.model.sources.map { source in
      numbers[source.name].flatMap { shapes[source.name] == source.shape ? $0 : nil }
    }
    let targets = described.model.targets.map { target in
      var target = target
      for index in target.fragments.indices {
        target.fragments[index].source = target.fragments[index].source.map { declared[$0] ?? -1 }
      }
      return (described.fullName(target.globalName, target.component), target)
    }
    return Dictionary(uniqueKeysWithValues: targets).filter { $0.key.hasPrefix(holds + scope) }
  }
}
