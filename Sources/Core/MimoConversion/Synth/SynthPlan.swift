import MimoCheckpoints
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// A made-up checkpoint before a byte is written: every tensor of the model, in the published form.
package struct SynthPlan: Sendable {
  package let config: ModelConfig
  let plugin: PluginInfo
  package let output: WholeOutput

  package init(_ request: SynthRequest, plugin: PluginLibrary) throws(MimoError) {
    config = try ModelConfig(path: request.config)
    self.plugin = plugin.info
    let options = request.expertStorage.map { ["expert_storage": $0] } ?? [:]
    let description = try SynthPlan.fullest(config.input(sources: nil, options: options), plugin)
    let model = try config.dtype(asked: request.dtype)
    output = try WholeOutput(description, shardBytes: request.shardBytes ?? WholeOutput.defaultShardBytes) { source in
      request.dtype ?? source.published ?? model
    }
    for tensor in output.whole {
      guard SyntheticValues(seed: 0, tensor: tensor.name, dtype: tensor.dtype) == nil else { continue }
      throw MimoError(
        .unsupported, "there are no made-up values of dtype \(tensor.dtype.rawValue)", tensor: tensor.name,
        remedy: "Say --dtype bfloat16")
    }
  }

  package var tensorBytes: Int { output.whole.reduce(0) { $0 + $1.byteCount } }

  /// The description with the most sources: a layout may have no place for some of the model's tensors, or none for the model.
  package static func fullest(_ model: ModelInput, _ plugin: PluginLibrary) throws(MimoError) -> ModelDescription {
    var best: ModelDescription?
    var refusal: MimoError?
    for layout in plugin.info.layouts {
      do throws(MimoError) {
        let description = try plugin.describe(model, layout: layout)
        if description.sources.count > best?.sources.count ?? 0 { best = description }
      } catch {
        refusal = refusal ?? error
      }
    }
    guard let best else { throw refusal ?? MimoError(.plugin, "the plugin has no layout", path: plugin.info.path) }
    return best
  }
}
