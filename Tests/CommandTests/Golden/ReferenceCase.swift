import Foundation
import Testing

/// One output of the reference: a family's checkpoint in one form and layout.
struct ReferenceCase: CustomTestStringConvertible {
  /// A file a rank, a distributed checkpoint, or one file in prime-rl's layout.
  enum Form { case ranks, distributed, prime }

  /// Folder of the family: `hf/` and the reports of the reference's own way back.
  var folder: String
  /// Path below it: `tp2pp2`, `torch_dist_tp2`, `mimo/l2i2/ckpt`.
  var output: String
  var form: Form
  var plugin: String
  /// `--to` and the layout.
  var arguments: [String]
  /// Facts in a table instead of the output itself.
  var table: String?

  var testDescription: String { "\(URL(filePath: folder).lastPathComponent) \(output)" }
  var source: String { "\(folder)/hf" }
  var path: String { "\(folder)/\(output)" }
  var isMimo: Bool { output.hasPrefix("mimo/") }

  /// What the reference made.
  func expected() throws -> TensorFacts {
    if let table { return try FactTable.read(table) }
    return form == .prime ? try TensorFact.safeTensors(path) : try made(at: path)
  }

  /// What mimo-host made, in `path`.
  func made(at path: String) throws -> TensorFacts {
    switch form {
    case .ranks: try TensorFact.folder(path, namingFiles: true)
    case .distributed: try TensorFact.distributed(path)
    case .prime: try TensorFact.folder(path)
    }
  }

  /// The conversion of the source, to `output`.
  func command(to output: String) -> [String] { ["--plugin", plugin] + arguments + [source, output] }
}

/// The plugin that serves an architecture. A family that joins adds its rows here, and all its reference data is used.
private let pluginOfArchitecture = [
  "Qwen3VLForConditionalGeneration": "Qwen3VL", "Qwen3VLMoeForConditionalGeneration": "Qwen3VL",
  "Qwen3_5ForConditionalGeneration": "Qwen3VL", "Qwen3_5MoeForConditionalGeneration": "Qwen3VL",
  "Qwen3ForCausalLM": "Qwen3MoE", "Qwen3MoeForCausalLM": "Qwen3MoE", "Qwen3_5ForCausalLM": "Qwen3MoE",
  "Qwen3_5MoeForCausalLM": "Qwen3MoE", "DeepseekV3ForCausalLM": "DeepSeekV3", "Glm4MoeForCausalLM": "GLM4MoE",
  "GlmMoeDsaForCausalLM": "GLM4MoE", "GptOssForCausalLM": "GPTOSS", "MiniMaxM2ForCausalLM": "MiniMaxM2",
  "NemotronHForCausalLM": "NemotronH",
  "LagunaForCausalLM": "Laguna", "AfmoeForCausalLM": "AFMoE",
]

/// Reference data in a folder: one subfolder a family.
struct ReferenceFolder {
  let root: String
  let cases: [ReferenceCase]

  /// What lies beside the package, where it is at hand.
  static let golden = ReferenceFolder(Host.package.deletingLastPathComponent().appending(path: "shared/golden").path)

  var isPresent: Bool { !cases.isEmpty }
  /// Those whose source comes back as it was: codes are decoded, and come back as the numbers that they stood for.
  var reversible: [ReferenceCase] { cases.filter { !$0.folder.hasSuffix("_mxfp4") } }
  /// Those in prime-rl's layout.
  var primes: [ReferenceCase] { cases.filter { $0.form == .prime } }
  /// Those of them that can be read as a checkpoint.
  var checkpoints: [ReferenceCase] { reversible.filter { $0.form == .distributed } }

  init(_ root: String) {
    self.root = root
    cases = ReferenceFolder.list(root).flatMap { ReferenceFolder.cases("\(root)/\($0)") }
  }

  private static func list(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  private static func cases(_ family: String) -> [ReferenceCase] {
    guard let plugin = plugin(of: "\(family)/hf") else { return [] }
    let outputs = list(family) + list("\(family)/mimo").flatMap { ["mimo/\($0)", "mimo/\($0)/ckpt"] }
    return outputs.compactMap { output in
      guard let (form, arguments) = conversion(family, output) else { return nil }
      return ReferenceCase(folder: family, output: output, form: form, plugin: plugin, arguments: arguments)
    }
  }

  static func plugin(of folder: String) -> String? {
    let config = try? readJSON("\(folder)/config.json")
    return (config?["architectures"] as? [String])?.lazy.compactMap { pluginOfArchitecture[$0] }.first
  }

  /// How mimo-host is asked for the same; nil when `output` is no output of the reference.
  private static func conversion(_ family: String, _ output: String) -> (ReferenceCase.Form, [String])? {
    let padding = (try? readJSON("\(family)/provider.json")["should_pad_vocab"] as? Bool) == true ? ["--pad-vocab"] : []
    if let match = output.wholeMatch(of: /torch_dist(?:_tp(\d+))?(?:ep(\d+))?/) {
      var arguments = ["--to", "megatron"] + padding
      if let tp = match.1 { arguments += ["--tp", String(tp)] }
      if let ep = match.2 { arguments += ["--ep", String(ep), "--etp", "1"] }
      return (.distributed, arguments)
    }
    if output == "prime.safetensors" { return (.prime, ["--to", "prime"]) }
    let isCheckpoint = output.hasSuffix("/ckpt")
    let layout = "\(family)/\(isCheckpoint ? String(output.dropLast(5)) : output)/layout.json"
    guard let layout = try? readJSON(layout) else { return nil }
    if let components = layout["components"] as? [String] {
      let arguments = ["--to", isCheckpoint ? "mimo" : "ranks"] + components.flatMap { ["--component", $0] }
      return (isCheckpoint ? .distributed : .ranks, arguments + padding)
    }
    guard let sizes = layout["layout"] as? [String: Int] else { return nil }
    return (.ranks, ["--to", "ranks"] + sizes.sorted { $0.key < $1.key }.flatMap { ["--\($0.key)", "\($0.value)"] } + padding)
  }
}
