/// The order in which Megatron's modules register their parameters, which decides how flat buffers are laid out.
///
/// Plugins declare targets in the order in which they are made of sources. Source: the constructors of megatron-core
/// 0.19.2; `shared/golden/*/full_params.json` lists the parameters of each family's module in order.
enum ModuleOrder {
  /// Before and after everything that is not named here, which keeps the order of the declaration.
  private static let first = [
    "vision_model", "embedding", "input_layernorm", "core_attention", "linear_proj", "conv1d_weight", "conv1d_bias",
    "dt_bias", "A_log", "D", "router", "gate_weight",
  ]
  private static let last = [
    "q_layernorm", "k_layernorm", "kv_layernorm", "linear_fc2", "shared_experts", "final_layernorm", "final_norm", "mtp",
    "output_layer",
  ]

  private static let ranks: [Substring: Int] = {
    var ranks: [Substring: Int] = [:]
    for (place, name) in first.enumerated() { ranks[name[...]] = place - first.count }
    for (place, name) in last.enumerated() { ranks[name[...]] = place + 1 }
    return ranks
  }()

  /// Numbers of the names in the module's order: a tree of modules, the children of each in order.
  static func sorted(_ names: [String]) -> [Int] {
    var appearance: [Substring: Int] = [:]
    let paths = names.map { name in
      name.split(separator: ".").map { part in
        let module = name[..<part.endIndex]
        let place = appearance[module] ?? appearance.count
        appearance[module] = place
        return (ranks[part] ?? 0, place)
      }
    }
    return names.indices.sorted { paths[$0].lexicographicallyPrecedes(paths[$1], by: <) }
  }
}
