import MimoFormats
import MimoMapping
import MimoPlan
import MimoSystem

/// What stands beside the weights in an `fsdp_dtensor` checkpoint.
///
/// Megatron-LM loads `args`, `iteration` and `checkpoint_version` before anything else and insists on them;
/// Megatron-Bridge takes what it needs from `run_config.yaml` and `train_state.pt`. Source: `_load_base_checkpoint` and
/// `check_checkpoint_args` of megatron-core 0.19.2.
enum FSDPCompanions {
  /// Entries that are pickled objects: the items are the values themselves, not lists of them.
  static func objects(of layout: ModelLayout, iteration: Int) -> [(key: String, item: [UInt8])] {
    [
      ("args", TorchZipItem.object(arguments(of: layout))), ("iteration", TorchZipItem.object(.int(Int64(iteration)))),
      ("checkpoint_version", TorchZipItem.object(.float(3))),
    ]
  }

  /// Where a key's entry is in the dict that a trainer saves: the model's state dict is one entry of it.
  static func plannerPath(of key: String) -> [String] {
    guard key.hasPrefix(FSDPKeys.root) else { return [key] }
    return [String(FSDPKeys.root.dropLast()), String(key.dropFirst(FSDPKeys.root.count))]
  }

  /// The trainer's command line, as far as it is compared with that of the run that loads.
  private static func arguments(of layout: ModelLayout) -> PickleValue {
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
    pairs += ["no_save_optim", "no_save_rng"].map { PicklePair(.string($0), .bool(true)) }
    return .object(PickleObject(.new, PickleGlobal("argparse", "Namespace"), state: .dict(pairs)))
  }
}
