import PluginKit

extension Qwen3VL {
  func describeProvider() throws(Refusal) {}
}
