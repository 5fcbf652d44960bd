import Foundation
import Testing

/// What of a layout `run_config.yaml` says.
@Suite struct RunConfigTests {
  private func config(_ arguments: [String]) throws -> String {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL"] + arguments + [Fixtures.dense, scratch("out")])
    return try String(contentsOfFile: scratch("out") + "/iter_0000000/run_config.yaml", encoding: .utf8)
  }

  private static let uneven = ["num_layers_in_first_pipeline_stage", "num_layers_in_last_pipeline_stage"]

  /// The MIMO loader takes pp from its command line and keeps these: at another pp it would build a part of the layers.
  @Test func anUnevenPipelineIsNotSaidToTheMIMOLoader() throws {
    let layout = ["--component", "language=pp=2,pp_first=3", "--component", "images=tp=1"]
    let text = try config(["--to", "mimo"] + layout)
    for field in RunConfigTests.uneven { #expect(!text.contains(field)) }
    #expect(text.split(separator: "\n").filter { $0.hasSuffix(" pipeline_model_parallel_size: 2") }.count == 2)
  }

  /// The MIMO loader builds the written layout before it takes another: 8 layers have no 3 stages of equal size.
  @Test func stagesThatCanNotBeEqualAreSaidAsCopies() throws {
    let layout = ["--component", "language=pp=3,pp_first=3,pp_last=2,dp=2", "--component", "images=tp=1"]
    let lines = try config(["--to", "mimo"] + layout).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(lines.filter { $0.hasPrefix("pipeline_model_parallel_size: ") }.allSatisfy { $0.hasSuffix(": 1") })
    #expect(lines.contains("data_parallel_size: 6"))
    #expect(lines.contains("rank_offset: 6"))
  }

  /// The loader of single models forgets them before it takes another pp.
  @Test func anUnevenPipelineIsSaidToTheLoaderOfSingleModels() throws {
    let text = try config(["--to", "megatron", "--pp", "3", "--pp-first", "3", "--pp-last", "2"])
    for (field, layers) in zip(RunConfigTests.uneven, [3, 2]) { #expect(text.contains("  \(field): \(layers)\n")) }
  }

  /// In the path of the tokenizer.
  @Test func aPathBeyondU_FFFFIsWrittenWithYAMLsOwnEscape() throws {
    let scratch = try Scratch()
    let out = scratch("d 😀")
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, out])
    let text = try String(contentsOfFile: out + "/iter_0000000/run_config.yaml", encoding: .utf8)
    #expect(text.contains("/d \\U0001f600/iter_0000000/tokenizer\"\n"))
  }
}
