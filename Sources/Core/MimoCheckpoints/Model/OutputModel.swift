import MimoPluginHost
import MimoTensor

/// The model that a new Megatron checkpoint is of: what is written beside its weights follows from it.
package struct OutputModel {
  let format: OutputFormat
  let plugin: PluginInfo
  let config: ModelConfig
  let naming: ModelNaming
  let layout: ModelLayout
  /// The dtype of its parameters.
  let dtype: DType
  /// The user asked for rows that pad the vocabulary.
  let padsVocabulary: Bool

  package init(
    format: OutputFormat, plugin: PluginInfo, config: ModelConfig, naming: ModelNaming, layout: ModelLayout, dtype: DType, padsVocabulary: Bool
  ) {
    self.format = format
    self.plugin = plugin
    self.config = config
    self.naming = naming
    self.layout = layout
    self.dtype = dtype
    self.padsVocabulary = padsVocabulary
  }
}
