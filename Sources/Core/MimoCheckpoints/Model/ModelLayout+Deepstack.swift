import MimoMapping
import MimoParallel
import MimoSystem

extension ModelLayout {
  /// Refuses a first stage that does not take all deepstack features: the trainer adds one to the output of each of the
  /// language model's first layers, there alone, and does not build a model with fewer.
  ///
  /// Source: Megatron-Bridge 0.6.2 `Qwen3VLModel.__init__` ("the deepstack_visual_embeds should on the first pp-stage of
  /// language model"), which is the single model; its MIMO models have no deepstack.
  package func checkDeepstack() throws(MimoError) {
    guard cluster.form == .single else { return }
    let merger = description.targets.first { $0.name.hasPrefix("decoder.deepstack_merger_list.") }
    guard let count = merger?.layer?.count else { return }
    for component in components {
      try component.site.pipeline?.requireOnFirstStage(
        count, for: "the \(count) deepstack features of the images", component.grid.layout)
    }
  }
}
