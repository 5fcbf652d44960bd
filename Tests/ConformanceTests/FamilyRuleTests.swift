import Foundation
import MimoConformance
import MimoPluginHost
import MimoSystem
import Testing

/// The families that ship keep all rules.
struct FamilyRuleTests {
  static let families = [
    ("Qwen3VL", ["qwen3_5_vl_moe_fused_mtp", "qwen3_vl_tied"]), ("Qwen3MoE", ["Qwen3-30B-A3B"]),
    ("GLM4MoE", ["GLM-4.5"]),
    ("MiniMaxM2", ["MiniMax-M2"]), ("DeepSeekV3", ["DeepSeek-V3"]), ("NemotronH", ["NVIDIA-Nemotron-3-Nano-30B-A3B"]),
    ("GPTOSS", ["gpt-oss-20b"]), ("Laguna", ["Laguna-XS-2.1"]), ("AFMoE", ["Trinity-Nano"]),
  ]

  @Test(arguments: families) func keepsAllRules(_ family: String, _ configs: [String]) throws {
    let running = ProgramPath.running
    let report = try Conformance(
      path: FileSystem.join(FileSystem.split(running).parent, "lib\(family).so"),
      configs: configs.map { FamilyRuleTests.configs.appending(path: "\($0).json").path }, seed: 1, only: [],
      process: PluginProcess(program: PluginProcess.beside(running).program, timeout: .seconds(60))
    ).run()
    #expect(report.broken == [], "\(report.text)")
    #expect(report.text.contains("0 broken, 0 skipped"), "\(report.text)")
  }

  private static let configs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/configs")
}
