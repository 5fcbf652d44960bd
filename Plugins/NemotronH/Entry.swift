import PluginABI
import PluginKit

#if compiler(>=6.3)
  @c(mimo_plugin_entry)
#else
  @_cdecl("mimo_plugin_entry")
#endif
public func entry(_ offer: UnsafePointer<mimo_offer>?, _ answer: UnsafeMutablePointer<mimo_answer>?) -> mimo_status {
  Plugin.language("NemotronH", architectures: ["NemotronHForCausalLM"]).answer(offer, answer) { host, builder, layout in
    describe(host, builder, layout) { (model, layout) throws(Refusal) in try NemotronH(model).describe(in: try Layout(layout, model)) }
  }
}
