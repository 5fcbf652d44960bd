import PluginABI
import PluginKit

#if compiler(>=6.3)
  @c(mimo_plugin_entry)
#else
  @_cdecl("mimo_plugin_entry")
#endif
public func entry(_ offer: UnsafePointer<mimo_offer>?, _ answer: UnsafeMutablePointer<mimo_answer>?) -> mimo_status {
  let plugin = Plugin(
    family: "Qwen3VL", version: "1.0.0",
    architectures: [
      "Qwen3VLForConditionalGeneration", "Qwen3VLMoeForConditionalGeneration", "Qwen3_5ForConditionalGeneration",
      "Qwen3_5MoeForConditionalGeneration",
    ],
    components: [
      Plugin.Component(name: "language", sourcePrefix: "language_model.", modulePath: "language_model"),
      Plugin.Component(
        name: "images", sourcePrefix: "vision_model.", modalityKey: "images",
        modulePath: "modality_submodules.images.encoders.qwen_visual"),
    ],
    layouts: ["mimo", "megatron", "prime"])
  return plugin.answer(offer, answer) { host, builder, layout in
    describe(host, builder, layout) { (model, layout) throws(Refusal) in
      try Qwen3VL(model, layout: layout).describe()
    }
  }
}
