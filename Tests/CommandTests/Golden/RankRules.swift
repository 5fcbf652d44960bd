import Foundation
import Testing

/// What each rank of a layout holds, cut from the whole model by the published rules alone, without the code under test.
///
/// Sources: Megatron-Core `parallel_state` (rank order tp-cp-dp-pp and etp-ep-edp-pp), `TransformerConfig` (uneven
/// pipelines), `ColumnParallelLinear` and `RowParallelLinear` (cuts), Megatron-Bridge's Qwen3-VL model (names).
struct RankRules {
  var tp = 1
  var pp = 1
  var cp = 1
  var ep = 1
  var etp = 1
  /// Layers of each stage.
  var stages: [Int]

  private let family: String
  private let text: [String: Any]
  private let isTied: Bool
  private let parameters: [String: [String: Any]]

  init(_ family: String, stages: [Int]) throws {
    self.family = family
    self.stages = stages
    let config = try readJSON("\(family)/hf/config.json")
    text = try #require(config["text_config"] as? [String: Any])
    isTied = config["tie_word_embeddings"] as? Bool ?? false
    parameters = try #require(try readJSON("\(family)/full_params.json") as? [String: [String: Any]])
  }

  /// The command's arguments for this layout.
  func arguments(pipeline: [String] = []) -> [String] {
    [("--tp", tp), ("--pp", pp), ("--cp", cp), ("--ep", ep), ("--etp", etp)].flatMap { [$0.0, "\($0.1)"] } + pipeline
  }

  /// File and name -> tensor, of every rank.
  func expected() throws -> TensorFacts {
    let whole = try TensorFact.safeTensors("\(family)/full.safetensors")
    let stageSize = leastCommonMultiple(tp * cp, etp * ep)
    var facts: TensorFacts = [:]
    for rank in 0..<stageSize * pp {
      let (stage, place) = (rank / stageSize, rank % stageSize)
      let file = "rank-" + String(repeating: "0", count: 4 - "\(rank)".count) + "\(rank).safetensors"
      for (name, fact) in whole {
        for local in localNames(name, stage: stage, expertRank: place / etp % ep) {
          let size = isExpert(name) ? etp : tp
          facts["\(file) \(local)"] = try cut(padded(fact, name), name, into: size, at: place % size)
        }
      }
    }
    return facts
  }

  // MARK: - Which tensors

  private func localNames(_ name: String, stage: Int, expertRank: Int) -> [String] {
    let isLast = stage == pp - 1
    if name.hasPrefix("vision_model.") { return stage == 0 ? [name] : [] }
    if name.contains(".embedding.") {
      var names = stage == 0 || isLast && hasPrediction ? [name] : []
      if isTied, isLast, pp > 1 { names.append("language_model.output_layer.weight") }
      return names
    }
    guard name.contains(".decoder.layers.") else { return isLast ? [numbered(name, expertRank)].compactMap { $0 } : [] }
    let first = stages[..<stage].reduce(0, +)
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let layer = Int(parts[3]), (first..<first + stages[stage]).contains(layer) else { return [] }
    let local = (parts[..<3] + ["\(layer - first)"] + parts[4...]).joined(separator: ".")
    return [numbered(local, expertRank)].compactMap { $0 }
  }

  private var hasPrediction: Bool { parameters.keys.contains { $0.contains(".mtp.") } }

  /// The name with the number that an expert has on its rank; nil on other ranks.
  private func numbered(_ name: String, _ expertRank: Int) -> String? {
    guard isExpert(name), let match = name.firstMatch(of: /weight(\d+)$/), let expert = Int(match.1) else { return name }
    let count = (text["num_local_experts"] ?? text["num_experts"]) as? Int ?? 1
    let local = expert - expertRank * (count / ep)
    guard (0..<count / ep).contains(local) else { return nil }
    return name.replacing(/\d+$/, with: "\(local)")
  }

  private func isExpert(_ name: String) -> Bool { name.contains(".mlp.experts.") }

  // MARK: - Which part of them

  /// Vocabulary rows up to a multiple of tp times the largest power of two, up to 128, that divides the vocabulary.
  private func padded(_ fact: TensorFact, _ name: String) -> TensorFact {
    guard name.contains("word_embeddings") || name.contains("output_layer"), case .bytes(var data) = fact.content else {
      return fact
    }
    let rows = fact.shape[0]
    guard rows % tp != 0 else { return fact }
    let divisor = tp * (1...7).reduce(1) { rows % (1 << $1) == 0 ? 1 << $1 : $0 }
    let total = (rows + divisor - 1) / divisor * divisor
    data.append(Data(count: (total - rows) * data.count / rows))
    return TensorFact(dtype: fact.dtype, shape: [total] + fact.shape.dropFirst(), content: .bytes(data))
  }

  private func cut(_ fact: TensorFact, _ name: String, into count: Int, at index: Int) throws -> TensorFact {
    let parameter = try #require(parameters[name])
    guard count > 1, parameter["tensor_model_parallel"] as? Bool == true, case .bytes(let data) = fact.content else {
      return fact
    }
    let dim = try #require(parameter["partition_dim"] as? Int)
    let rows = segments(name, fact.shape[dim])
    try #require(rows.reduce(0, +) == fact.shape[dim] && rows.allSatisfy { $0 % count == 0 }, "\(name)")
    let inner = data.count / fact.shape[...dim].reduce(1, *)
    var result = Data()
    for outer in 0..<fact.shape[..<dim].reduce(1, *) {
      var start = outer * fact.shape[dim]
      for length in rows {
        let part = length / count
        result.append(data[data.startIndex + (start + index * part) * inner..<data.startIndex + (start + (index + 1) * part) * inner])
        start += length
      }
    }
    var shape = fact.shape
    shape[dim] /= count
    return TensorFact(dtype: fact.dtype, shape: shape, content: .bytes(result))
  }

  /// Parts of a dim that are each cut for themselves: gate and up; query, key, value, gate, beta and alpha.
  private func segments(_ name: String, _ size: Int) -> [Int] {
    if name.hasPrefix("language_model."), name.contains("linear_fc1.weight") { return [size / 2, size / 2] }
    func number(_ key: String) -> Int { text[key] as? Int ?? 0 }
    let keys = number("linear_num_key_heads") * number("linear_key_head_dim")
    let values = number("linear_num_value_heads") * number("linear_value_head_dim")
    let heads = number("linear_num_value_heads")
    if name.hasSuffix("self_attention.in_proj.weight") { return [keys, keys, values, values, heads, heads] }
    if name.hasSuffix("self_attention.conv1d.weight") { return [keys, keys, values] }
    return [size]
  }
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y > 0 { (x, y) = (y, x % y) }
  return a / x * b
}
