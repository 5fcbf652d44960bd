import Foundation
import Testing

@Suite struct DryRunTests {
  @Test(arguments: [
    ["--to", "megatron", "--tp", "2"], ["--to", "mimo", "--component", "language=tp=2", "--component", "images=tp=1"],
  ])
  func aDryRunOfConvertIsItsPlan(_ options: [String]) throws {
    let model = try Model("qwen3_vl")
    let source = try model.synth()
    let arguments = ["--plugin", "Qwen3VL"] + options + [source, model.path("out")]
    let planned = try Command(["plan"] + arguments)
    for flag in ["--dry-run", "-n"] {
      let dry = try Command(["convert", flag] + arguments)
      #expect(dry.status == planned.status && dry.errors == planned.errors)
      #expect(Self.withoutMemory(dry.output) == Self.withoutMemory(planned.output))
    }
    #expect(planned.status == 0, "\(planned.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: model.path("")) == ["hf"])
  }

  /// What the process took so far differs from run to run.
  private static func withoutMemory(_ plan: String) -> [Substring] {
    plan.split(separator: "\n").filter { !$0.hasPrefix("peak memory") }
  }
}
