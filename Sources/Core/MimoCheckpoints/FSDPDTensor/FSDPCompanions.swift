import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem

/// What stands beside the weights in an `fsdp_dtensor` checkpoint.
///
/// Megatron-LM loads `args`, `iteration` and `checkpoint_version` before anything else and insists on them;
/// Megatron-Bridge takes what it needs from `run_config.yaml` and `train_state.pt`. Source: `_load_base_checkpoint` and
/// `check_checkpoint_args` of megatron-core 0.19.2.
enum FSDPCompanions {
  /// Entries that are pickled objects: the items are the values themselves, not lists of them.
  static func entries(of layout: ModelLayout, iteration: Int, hasOptimizer: Bool) -> [DistOutput.Entry] {
    let values: [(String, PickleValue)] = [
      ("args", arguments(of: layout, hasOptimizer: hasOptimizer)), ("iteration", .int(Int64(iteration))),
      ("checkpoint_version", .float(3)),
    ]
    return values.map { DistOutput.Entry($0, item: TorchZipItem.object($1)) }
  }

  static var files: DistWriter.Companions { DistWriter.Companions(plannerPath: plannerPath) }

  /// Where a key's entry is in the dict that a trainer saves: parameters' names, dots and all, are keys of dicts in it.
  private static func plannerPath(of key: String) -> [String] {
    for dict in [["model"], ["optimizer", "state"], ["optimizer", "param_to_group_meta"], ["opt_param_scheduler"]] {
      let prefix = dict.joined(separator: ".") + "."
      guard key.hasPrefix(prefix) else { continue }
      let rest = key.dropFirst(prefix.count)
      guard dict.first == "optimizer", let dot = rest.lastIndex(of: ".") else { return dict + [String(rest)] }
      return dict + [String(rest[..<dot]), String(rest[rest.index(after: dot)...])]
    }
    return [key]
  }

  /// The trainer's command line, as far as it is compared with that of the run that loads.
  private static func arguments(of layout: ModelLayout, hasOptimizer: Bool) -> PickleValue {
    var pairs: [PicklePair] = []
    let compared = [
      "num_layers", "hidden_size", "num_attention_heads", "max_position_embeddings", "make_vocab_size_divisible_by",
    ]
    for field in layout.description.providerFields where compared.contains(field.path) {
      if case .int(let value) = field.value { pairs.append(PicklePair(.string(field.path), .int(Int64(value)))) }
    }
    if let sizes = layout.components.first?.grid.layout {
      pairs += [
        PicklePair(.string("tensor_model_parallel_size"), .int(Int64(sizes.tp))),
        PicklePair(.string("expert_tensor_parallel_size"), .int(Int64(sizes.etp))),
        PicklePair(.string("pipeline_model_parallel_size"), .int(Int64(sizes.pp))),
      ]
    }
    pairs.append(PicklePair(.string("no_save_optim"), .bool(!hasOptimizer)))
    pairs.append(PicklePair(.string("no_save_rng"), .bool(true)))
    return .object(PickleObject(.new, PickleGlobal("argparse", "Namespace"), state: .dict(pairs)))
  }
}
