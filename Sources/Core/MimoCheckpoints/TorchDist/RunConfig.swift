import MimoJSON
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor

/// `run_config.yaml`: what a trainer builds the model from before it loads the weights.
///
/// Fields that keep their class's default are left out; Megatron-Bridge fills them in. Source: Megatron-Bridge 0.6.2,
/// `ConfigContainer`, `MegatronMIMOProvider`, `load_megatron_model`; found by loading with fields taken away.
struct RunConfig {
  private let output: OutputModel
  /// The optimizer's state lies in the checkpoint too.
  private let hasOptimizer: Bool
  private let tokenizerPath: String

  init(_ output: OutputModel, hasOptimizer: Bool, tokenizerPath: String) {
    self.output = output
    self.hasOptimizer = hasOptimizer
    self.tokenizerPath = tokenizerPath
  }

  /// The file's text.
  var text: String { YAMLWriter.write(document) }

  private var checkpointFormat: String { output.format == .fsdpDTensor ? output.format.rawValue : "torch_dist" }

  private var isMIMO: Bool { output.naming == .mimo }

  private var document: JSONObject {
    object([
      ("_target_", .string("megatron.bridge.training.config.ConfigContainer")),
      (
        "checkpoint",
        .object(
          object([
            ("_target_", .string("megatron.bridge.training.config.CheckpointConfig")), ("ckpt_format", .string(checkpointFormat)),
            ("save_optim", .bool(hasOptimizer)), ("save_rng", .bool(false)), ("fully_parallel_save", .bool(!isMIMO)),
          ]))
      ),
      ("model", .object(isMIMO ? mimoModel : singleModel)),
      (
        "tokenizer",
        .object(
          object([
            ("_target_", .string("megatron.bridge.training.tokenizers.config.TokenizerConfig")),
            ("tokenizer_type", .string("HuggingFaceTokenizer")), ("tokenizer_model", .string(tokenizerPath)),
            ("hf_tokenizer_kwargs", .object(JSONObject())),
          ]))
      ),
    ])
  }

  // MARK: Single model

  private var singleModel: JSONObject {
    var model = provider
    guard let layout = output.layout.components.first?.grid.layout else { return model }
    setSizes(layout, in: &model)
    // Megatron insists on it for experts with tp > 1.
    model["sequence_parallel"] = .bool(layout.tp > 1 && model["num_moe_experts"]?.integer != nil)
    model["pipeline_dtype"] = torchName(output.dtype)
    model["variable_seq_lengths"] = .bool(false)
    if let first = layout.ppFirst { model["num_layers_in_first_pipeline_stage"] = .integer(first) }
    if let last = layout.ppLast { model["num_layers_in_last_pipeline_stage"] = .integer(last) }
    return model
  }

  // MARK: MIMO

  private var mimoModel: JSONObject {
    let package = "megatron.bridge.models.megatron_mimo"
    return object([
      ("_target_", .string("\(package).megatron_mimo_provider.MegatronMIMOProvider")),
      ("bf16", .bool(output.dtype == .bf16)), ("fp16", .bool(output.dtype == .f16)),
      ("freeze_language_model", .bool(false)), ("freeze_modality_encoders", .object(JSONObject())),
      ("freeze_modality_projections", .object(JSONObject())), ("language_model_spec", .null),
      ("modality_submodules_spec", .object(JSONObject())), ("special_token_ids", .object(JSONObject())),
      ("topology", .null), ("module_output_ndim", .null),
      (
        "megatron_mimo_parallelism_config",
        .object(
          object([
            ("_target_", .string("\(package).megatron_mimo_config.MegatronMIMOParallelismConfig")),
            ("module_parallelisms", .object(modules(package))), ("special_token_ids", .object(JSONObject())),
          ]))
      ),
      ("standard_provider", .object(mimoProvider)),
    ])
  }

  private func modules(_ package: String) -> JSONObject {
    object(
      output.layout.cluster.components.map { component in
        let layout = evenly(component)
        let module = object([
          ("_target_", .string("\(package).megatron_mimo_config.ModuleParallelismConfig")),
          ("tensor_model_parallel_size", .integer(layout.tp)), ("pipeline_model_parallel_size", .integer(layout.pp)),
          ("data_parallel_size", .integer(layout.dp)), ("context_parallel_size", .integer(layout.cp)),
          ("expert_model_parallel_size", .integer(layout.ep)), ("expert_tensor_parallel_size", .integer(layout.etp)),
          ("rank_offset", .integer(layout.rankOffset)),
        ])
        return (component.name, .object(module))
      })
  }

  /// A component's layout with stages of equal size, or copies in place of stages where there are none.
  ///
  /// The MIMO loader builds the model for this layout once before it looks at that of its command line.
  private func evenly(_ component: ClusterLayout.Component) -> ComponentLayout {
    var layout = component.layout
    let pipeline = output.layout.components.first { $0.name == component.name }?.site.pipeline
    guard let layers = pipeline?.layerCount, layers % layout.pp != 0 else { return layout }
    layout.dp *= layout.pp
    layout.pp = 1
    return layout
  }

  private var mimoProvider: JSONObject {
    var model = provider
    let language = zip(output.plugin.components, output.layout.components).first { $0.0.modalityKey.isEmpty }
    // Layers on the first and last stage are not said here: the MIMO loader takes pp from its own command line and keeps
    // these, so that another pp builds a part of the layers. The loader of single models forgets both.
    if let name = language?.1.name, let component = output.layout.cluster.components.first(where: { $0.name == name }) {
      setSizes(evenly(component), in: &model)
    }
    // True, which the reference writes when the encoder is on rank 0, is refused by its own loader.
    model["variable_seq_lengths"] = .bool(false)
    model["sequence_parallel"] = .bool(false)
    return model
  }

  // MARK: What both share

  private var provider: JSONObject {
    var model = JSONObject()
    if let name = output.layout.description.providerClass { model["_target_"] = .string(name) }
    for field in output.layout.description.providerFields {
      model = RunConfig.set(output.config.literal(field.value), at: field.path.split(separator: ".")[...], in: model)
    }
    model["bf16"] = .bool(output.dtype == .bf16)
    model["fp16"] = .bool(output.dtype == .f16)
    model["params_dtype"] = torchName(output.dtype)
    if output.padsVocabulary { model["should_pad_vocab"] = .bool(true) }
    return model
  }

  private func setSizes(_ layout: ComponentLayout, in model: inout JSONObject) {
    model["tensor_model_parallel_size"] = .integer(layout.tp)
    model["pipeline_model_parallel_size"] = .integer(layout.pp)
    model["context_parallel_size"] = .integer(layout.cp)
    model["expert_model_parallel_size"] = .integer(layout.ep)
    model["expert_tensor_parallel_size"] = .integer(layout.etp)
  }

  private func torchName(_ dtype: DType) -> JSONValue {
    let name = ModelConfig.dtypes.first { $0.value == dtype }?.key ?? "float32"
    return .object(["_call_": .bool(false), "_target_": .string("torch." + name)])
  }

  private func object(_ members: [(String, JSONValue)]) -> JSONObject {
    var object = JSONObject()
    for (key, value) in members { object[key] = value }
    return object
  }

  private static func set(_ value: JSONValue, at path: ArraySlice<Substring>, in object: JSONObject) -> JSONObject {
    guard let key = path.first.map(String.init) else { return object }
    var copy = object
    if path.count == 1 {
      copy[key] = value
    } else {
      copy[key] = .object(set(value, at: path.dropFirst(), in: object[key]?.object ?? JSONObject()))
    }
    return copy
  }
}
