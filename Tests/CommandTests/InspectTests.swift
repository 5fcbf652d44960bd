import Foundation
import Testing

@Suite struct InspectTests {
  @Test func everyFormatIsShown() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let megatron = try model.convert(hf, to: "megatron", "--to", "megatron", "--tp", "2")
    let ranks = try model.convert(hf, to: "ranks", "--to", "ranks", "--tp", "2")
    let iteration = megatron + "/iter_0000000"
    let expected: [(path: String, words: [String])] = [
      (hf, ["Hugging Face folder", "Qwen3VLForConditionalGeneration", "104 tensors, 197712 parameters, BF16 395.42 kB"]),
      (hf + "/model.safetensors", ["safetensors file", "model.visual.merger.norm.bias", "[32]"]),
      (megatron, ["torch_dist", "model provider: megatron.", "2 chunks", "\"content_metadata\"", "objects without weights"]),
      (iteration, ["torch_dist"]), (iteration + "/.metadata", ["TensorStorageMetadata"]),
      (iteration + "/common.pt", ["checkpoint_version"]), (ranks, ["ranks folder", "world size: 2", "rank-0001.safetensors"]),
    ]
    for (path, words) in expected {
      let page = try model.run(["inspect", path])
      for word in words { #expect(page.contains(word), "\(path): \(word)") }
      let json = try model.json(["inspect", "--json", path])
      #expect(json["summary"] != nil)
    }
  }

  @Test(arguments: [("nowhere", 2, "there is nothing"), ("hf/config.json", 2, "is no file that is known")])
  func whatIsNoCheckpointIsRefused(_ name: String, _ status: Int32, _ words: String) throws {
    let model = try Model("qwen3_vl")
    try model.synth()
    let result = try Command(["inspect", model.path(name)])
    #expect(result.status == status)
    #expect(result.errors.contains(words))
  }
}

@Suite struct PluginCommandTests {
  @Test(arguments: [nil, "megatron"])
  func describeShowsEveryMapping(_ layout: String?) throws {
    let model = try Model("qwen3_5_vl_moe")
    let options = layout.map { ["--layout", $0] } ?? []
    let page = try model.run(["plugin", "describe", "Qwen3VL", "--config", model.config] + options)
    #expect(page.contains("<- model.language_model.embed_tokens.weight [250, 48]"))
    #expect(page.contains("mtp.") == true)
    let json = try model.json(["plugin", "describe", "Qwen3VL", "--json", "--config", model.config] + options)
    #expect(((json["model"] as? [String: Any])?["targets"] as? [Any])?.isEmpty == false)
  }

  @Test func aLayoutWithoutAConfigIsRefused() throws {
    let command = try Command(["plugin", "describe", "Qwen3VL", "--layout", "mimo"])
    #expect(command.status == 2)
    #expect(command.errors.contains("--layout goes with --config only"))
  }
}
