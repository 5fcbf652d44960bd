import PluginABI
import PluginKit

#if compiler(>=6.3)
  @c(mimo_plugin_entry)
#else
  @_cdecl("mimo_plugin_entry")
#endif
public func entry(_ offer: UnsafePointer<mimo_offer>?, _ answer: UnsafeMutablePointer<mimo_answer>?) -> mimo_status {
  let plugin = Plugin.language(
    "MiniMaxM2",
    architectures: ["MiniMaxM2ForCausalLM"])
  return plugin.answer(offer, answer) { host, builder, layout in
    describe(host, builder, layout) { (model, layout) throws(Refusal) in try MiniMaxM2(model).describe(in: try Layout(layout, model)) }
  }
}
