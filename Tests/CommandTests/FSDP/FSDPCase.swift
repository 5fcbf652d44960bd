import Foundation
import Testing

/// A checkpoint of a family in a layout of Megatron-FSDP.
struct FSDPCase: CustomTestStringConvertible {
  var family: String
  var layout: String
  var plugin: String
  /// Folder with `hf/` and, of golden families, `full.safetensors`.
  var folder: String

  var testDescription: String { "\(family) \(layout)" }
  var source: String { "\(folder)/hf" }

  init?(_ family: String, _ layout: String, in root: String) {
    folder = "\(root)/\(family)"
    guard let plugin = ReferenceFolder.plugin(of: "\(folder)/hf") else { return nil }
    self.plugin = plugin
    self.family = family
    self.layout = layout
  }

  func command() -> [String] {
    ["--plugin", plugin, "--to", "fsdp_dtensor"] + layout.split(separator: " ").map(String.init) + [source]
  }

  /// Two families that lie in this repository, single models and MIMO ones.
  static let fixtures = [
    ("qwen3_5_vl", "--fsdp 1"), ("qwen3_5_vl", "--fsdp 3 --tp 2"), ("qwen3_5_vl", "--fsdp 40"),
    ("qwen3_5_vl", "--component language=fsdp=4,tp=2 --component images=fsdp=2"),
    ("qwen3_vl_moe", "--fsdp 5"), ("qwen3_vl_moe", "--fsdp 8 --ep 2"), ("qwen3_vl_moe", "--fsdp 4 --tp 2 --ep 2 --etp 2"),
    ("qwen3_vl_moe", "--fsdp 2 --ep 4 --tp 2 --etp 1"),
    ("qwen3_vl_moe", "--component images=fsdp=3 --component language=fsdp=6,ep=2"),
  ].compactMap { FSDPCase($0.0, $0.1, in: Fixtures.root) }

  /// Every family of the reference's data.
  static let golden = [
    ("deepseek_v3", "--fsdp 4 --ep 2 --tp 2"), ("glm4_moe", "--fsdp 6 --ep 2"), ("glm_moe_dsa", "--fsdp 3 --tp 2"),
    ("gpt_oss", "--fsdp 4 --ep 2"), ("gpt_oss", "--fsdp 2 --tp 2 --ep 2 --etp 1"), ("minimax_m2", "--fsdp 3 --tp 2"),
    ("nemotron_h", "--fsdp 5"), ("nemotron_h_moe", "--fsdp 4 --ep 2"), ("nemotron_h_moe_mtp", "--fsdp 2"),
    ("qwen3", "--fsdp 7"), ("qwen3_5_moe", "--fsdp 4 --tp 2 --ep 2"), ("qwen3_5_vl", "--fsdp 3 --tp 2"),
    ("qwen3_5_vl_moe", "--fsdp 4 --ep 2"), ("qwen3_5_vl_moe_fused", "--fsdp 2 --ep 2"),
    ("qwen3_5_vl_tied", "--fsdp 3"), ("qwen3_moe", "--fsdp 4 --ep 4 --tp 2 --etp 2"), ("qwen3_moe_fused", "--fsdp 2"),
    ("qwen3_pad", "--fsdp 3 --tp 2 --pad-vocab"), ("qwen3_tied", "--fsdp 3 --tp 2"), ("qwen3_vl", "--fsdp 3 --tp 2"),
    ("qwen3_vl_moe", "--fsdp 5"), ("qwen3_vl_tied", "--fsdp 3"),
  ].compactMap { FSDPCase($0.0, $0.1, in: ReferenceFolder.golden.root) }
}

/// The tensors of a module, put together from the keys that Megatron-FSDP's state dict has for their parts.
struct FSDPState {
  private(set) var whole: TensorFacts = [:]

  /// - Parameter stored: what a checkpoint holds.
  init(_ stored: TensorFacts) throws {
    let parts = ["_w", "_v", ".query", ".key", ".value", ".z", ".beta", ".alpha"]
    var pieces: [String: [String: TensorFact]] = [:]
    for (key, fact) in stored where fact.dtype != "object" {
      #expect(key.hasPrefix("model.module."), "\(key)")
      let name = String(key.dropFirst("model.module.".count))
      let part = parts.first { name.hasSuffix($0) } ?? ""
      pieces[String(name.dropLast(part.count)), default: [:]][part] = fact
    }
    for (name, found) in pieces {
      let ordered = found.sorted { (parts.firstIndex(of: $0.key) ?? 0) < (parts.firstIndex(of: $1.key) ?? 0) }.map(\.value)
      var data = Data()
      for fact in ordered { if case .bytes(let bytes) = fact.content { data += bytes } }
      let rows = ordered.reduce(0) { $0 + ($1.shape.first ?? 0) }
      let shape = ordered[0].shape.isEmpty ? [] : [rows] + ordered[0].shape.dropFirst()
      whole[name] = TensorFact(dtype: ordered[0].dtype, shape: shape, content: .bytes(data))
    }
  }
}
