/// What a plugin says about itself, copied out of its table.
package struct PluginInfo: Sendable, Equatable {
  /// A part of the model with a parallel layout of its own.
  package struct Component: Sendable, Equatable {
    package var name: String
    /// In the single-model naming: `language_model.`, `vision_model.`.
    package var sourcePrefix: String
    /// Empty for the language model.
    package var modalityKey: String
    /// In the MIMO naming, without a dot at the end.
    package var targetModulePath: String
  }

  package var path: String
  package var abi: Int
  package var family: String
  package var version: String
  package var architectures: [String]
  package var components: [Component]
  package var layouts: [String]
}
