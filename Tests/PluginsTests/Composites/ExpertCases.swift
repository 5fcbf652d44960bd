import AlgebraSupport

extension Composite {
  static let experts =
    forms.flatMap { form, storage in
      [
        Composite(name: "experts, \(form)") { sizes in .experts(&sizes, "Qwen3MoE", "Qwen3MoeForCausalLM", storage) },
        Composite(name: "experts of layout prime, \(form)") { sizes in .stacks(&sizes, storage) },
      ]
    } + [
      Composite(name: "experts, in Mixtral's names") { sizes in
        .experts(&sizes, "MiniMaxM2", "MiniMaxM2ForCausalLM", .perExpert(.numbered), below: "block_sparse_moe.")
      },
      Composite(name: "experts, gates and ups in turn, with biases") { sizes in .interleavedExperts(&sizes) },
    ]

  private static let forms: [(String, Storage)] = [
    ("a tensor each", .perExpert(.projections)), ("packed", .packed), ("packed and transposed", .transposed),
  ]
}

/// What checkpoints call an expert's matrices.
private struct Names {
  var gate: String
  var up: String
  var down: String
  static let projections = Names(gate: "gate_proj", up: "up_proj", down: "down_proj")
  static let numbered = Names(gate: "w1", up: "w3", down: "w2")
}

/// How a checkpoint stores them.
private enum Storage {
  case perExpert(Names)
  /// (experts, gate above up, hidden)
  case packed
  /// (experts, hidden, gate beside up)
  case transposed
}

/// An expert's matrices, (outputs, inputs).
private struct Matrices {
  var gate: PlainTensor
  var up: PlainTensor
  var down: PlainTensor
}

private struct ExpertSizes {
  let count: Int
  let hidden: Int
  let inner: Int

  init(_ sizes: inout Sizes) {
    (hidden, count, inner) = (sizes.prime(), sizes.ep * (1 + sizes.few()), sizes.etp * sizes.prime())
  }

  var numbers: [String: Int] {
    [
      "hidden_size": hidden, "num_experts": count, "num_local_experts": count, "moe_intermediate_size": inner,
      "intermediate_size": inner,
    ]
  }
}

extension CompositeCase {
  fileprivate static func experts(
    _ sizes: inout Sizes, _ family: String, _ architecture: String, _ storage: Storage, below: String = "mlp."
  ) -> CompositeCase {
    let own = ExpertSizes(&sizes)
    var example = CompositeCase(family, architecture, scope: "mlp.experts.", numbers: own.numbers)
    for (index, expert) in example.matrices(own, storage, below: below).enumerated() {
      let (gate, up, down) = (expert.gate, expert.up, expert.down)
      example.means("mlp.experts.linear_fc1.weight\(index)", by: .etp) { .stacked([gate.rows($0), up.rows($0)]) }
      example.means("mlp.experts.linear_fc2.weight\(index)", by: .etp) { down.columns($0) }
    }
    return example
  }

  /// prime-rl's: w1 is gate, w2 down, w3 up, all experts in one.
  fileprivate static func stacks(_ sizes: inout Sizes, _ storage: Storage) -> CompositeCase {
    let own = ExpertSizes(&sizes)
    var example = CompositeCase(
      "Qwen3MoE", "Qwen3MoeForCausalLM", layout: "prime", holds: "model.layers.0.", scope: "mlp.experts.",
      numbers: own.numbers)
    let experts = example.matrices(own, storage, below: "mlp.")
    for (name, part) in [("w1", \Matrices.gate), ("w2", \.down), ("w3", \.up)] {
      let matrices = experts.map { $0[keyPath: part] }
      example.means("mlp.experts.\(name)", .stacked(matrices).reshaped([own.count] + matrices[0].dims))
    }
    return example
  }

  private mutating func matrices(_ own: ExpertSizes, _ storage: Storage, below: String) -> [Matrices] {
    let (count, hidden, inner) = (own.count, own.hidden, own.inner)
    let (low, high) = (0..<inner, inner..<(2 * inner))
    switch storage {
    case .perExpert(let names):
      return (0..<count).map { index in
        let name = "\(below)experts.\(index)."
        return Matrices(
          gate: source("\(name)\(names.gate).weight", inner, hidden), up: source("\(name)\(names.up).weight", inner, hidden),
          down: source("\(name)\(names.down).weight", hidden, inner))
      }
    case .packed:
      let wide = source("\(below)experts.gate_up_proj", count, 2 * inner, hidden)
      let down = source("\(below)experts.down_proj", count, hidden, inner)
      return (0..<count).map {
        Matrices(gate: wide.entry($0).rows(low), up: wide.entry($0).rows(high), down: down.entry($0))
      }
    case .transposed:
      let wide = source("\(below)experts.gate_up_proj", count, hidden, 2 * inner)
      let down = source("\(below)experts.down_proj", count, inner, hidden)
      return (0..<count).map {
        Matrices(
          gate: wide.entry($0).columns(low).transposed(), up: wide.entry($0).columns(high).transposed(),
          down: down.entry($0).transposed())
      }
    }
  }

  /// gpt-oss: inputs before outputs, and output 2i is gate i, output 2i + 1 is up i. Biases allow no split.
  fileprivate static func interleavedExperts(_ sizes: inout Sizes) -> CompositeCase {
    sizes.etp = 1
    let own = ExpertSizes(&sizes)
    var example = CompositeCase("GPTOSS", "GptOssForCausalLM", scope: "mlp.experts.", numbers: own.numbers)
    let (count, hidden, inner) = (own.count, own.hidden, own.inner)
    let wide = example.source("mlp.experts.gate_up_proj", count, hidden, 2 * inner)
    let wideBias = example.source("mlp.experts.gate_up_proj_bias", count, 2 * inner)
    let down = example.source("mlp.experts.down_proj", count, inner, hidden)
    let downBias = example.source("mlp.experts.down_proj_bias", count, hidden)
    func apart(_ outputs: PlainTensor) -> PlainTensor {
      .stacked([0, 1].flatMap { half in (0..<inner).map { outputs.block(2 * $0 + half, of: 1) } })
    }
    for index in 0..<count {
      let fc1 = apart(wide.entry(index).transposed())
      let fc2 = down.entry(index).transposed()
      example.means("mlp.experts.linear_fc1.weight\(index)", by: .etp) { _ in fc1 }
      example.means("mlp.experts.linear_fc1.bias\(index)", by: .etp) { _ in apart(wideBias.entry(index)) }
      example.means("mlp.experts.linear_fc2.weight\(index)", by: .etp) { _ in fc2 }
      example.means("mlp.experts.linear_fc2.bias\(index)", downBias.entry(index))
    }
    return example
  }
}
