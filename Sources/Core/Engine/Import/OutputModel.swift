import MimoPlan
import MimoPluginHost
import MimoTensor

/// The model that a new Megatron checkpoint is of: what is written beside its weights follows from it.
struct OutputModel {
  let format: ImportPlan.Format
  let plugin: PluginInfo
  let config: ModelConfig
  let naming: ModelNaming
  let layout: ModelLayout
  /// The dtype of its parameters.
  let dtype: DType
  /// The user asked for rows that pad the vocabulary.
  let padsVocabulary: Bool
}
