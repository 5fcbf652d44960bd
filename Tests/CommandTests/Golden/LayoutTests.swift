import Foundation
import Testing

/// Layouts beyond those that the reference's data has.
struct LayoutCase: CustomTestStringConvertible {
  var family: String
  var tp = 1
  var pp = 1
  var cp = 1
  var ep = 1
  var etp = 1
  var stages: [Int]
  var options: [String] = []

  var testDescription: String { "\(family) tp\(tp) cp\(cp) ep\(ep) etp\(etp) stages \(stages)" }

  func rules() throws -> RankRules {
    var rules = try RankRules("\(ReferenceFolder.golden.root)/\(family)", stages: stages)
    (rules.tp, rules.pp, rules.cp, rules.ep, rules.etp) = (tp, pp, cp, ep, etp)
    return rules
  }

  static let all = [
    LayoutCase(family: "qwen3_vl", tp: 4, etp: 4, stages: [4], options: ["--pad-vocab"]),
    LayoutCase(family: "qwen3_vl", tp: 2, pp: 3, etp: 2, stages: [2, 1, 1], options: ["--pp-first", "2", "--pp-last", "1"]),
    LayoutCase(family: "qwen3_vl", pp: 2, stages: [3, 1], options: ["--pp-last", "1"]),
    LayoutCase(family: "qwen3_vl", tp: 2, cp: 2, etp: 2, stages: [4]),
    LayoutCase(family: "qwen3_vl_tied", pp: 2, cp: 2, stages: [2, 2]),
    LayoutCase(family: "qwen3_5_vl", tp: 4, pp: 2, etp: 4, stages: [4, 4], options: ["--pad-vocab"]),
    LayoutCase(family: "qwen3_5_vl", pp: 3, stages: [3, 2, 3], options: ["--pp-first", "3", "--pp-last", "3"]),
    LayoutCase(family: "qwen3_5_vl", tp: 2, pp: 4, cp: 2, etp: 2, stages: [2, 2, 2, 2]),
    LayoutCase(family: "qwen3_5_vl_moe", tp: 2, ep: 4, stages: [4]),
    LayoutCase(family: "qwen3_5_vl_moe", tp: 4, ep: 2, etp: 2, stages: [4], options: ["--pad-vocab"]),
    LayoutCase(family: "qwen3_5_vl_moe", pp: 2, cp: 2, ep: 4, stages: [1, 3], options: ["--pp-first", "1"]),
    LayoutCase(family: "qwen3_vl_moe", tp: 2, pp: 2, ep: 2, etp: 2, stages: [2, 2]),
    LayoutCase(family: "qwen3_vl_moe_t", ep: 4, stages: [4]),
  ]
}

@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct LayoutTests {
  @Test(arguments: LayoutCase.all) func everyRankHoldsWhatTheRulesSay(_ layout: LayoutCase) throws {
    let scratch = try Scratch()
    let rules = try layout.rules()
    let source = "\(ReferenceFolder.golden.root)/\(layout.family)/hf"
    let command = ["--plugin", "Qwen3VL", "--to", "ranks"] + rules.arguments(pipeline: layout.options)
    try Host.convert(command + [source, scratch("out")])
    expectEqual(try TensorFact.folder(scratch("out"), namingFiles: true), try rules.expected(), layout.testDescription)
  }

  @Test(arguments: LayoutCase.all, ["ranks", "megatron"]) func everyLayoutComesBack(_ layout: LayoutCase, format: String) throws {
    let source = "\(ReferenceFolder.golden.root)/\(layout.family)/hf"
    let command = ["--plugin", "Qwen3VL", "--to", format] + (try layout.rules()).arguments(pipeline: layout.options)
    try RoundTrip(command + [source], plugin: "Qwen3VL", source: source, in: try Scratch()).check()
  }
}

/// MIMO layouts on the checkpoints of this repository.
@Suite struct MimoLayoutTests {
  @Test(
    arguments: [Fixtures.dense, Fixtures.experts],
    [
      ["language=tp=1", "images=tp=4"], ["images=tp=2,dp=1", "language=tp=2,pp=2,dp=1"],
      ["language=tp=2,pp=2,pp_first=3", "images=tp=1"], ["language=tp=2,cp=2", "images=tp=1,dp=1,rank_offset=4"],
      ["language=tp=4", "images=tp=4"],
    ])
  func everyLayoutComesBack(source: String, components: [String]) throws {
    let padding = components.contains("language=tp=4") ? ["--pad-vocab"] : []
    for format in ["mimo", "ranks"] {
      let command = ["--plugin", "Qwen3VL", "--to", format] + components.flatMap { ["--component", $0] } + padding
      try RoundTrip(command + [source], plugin: "Qwen3VL", source: source, in: try Scratch()).check()
    }
  }

  @Test func expertsAreSpreadOverRanks() throws {
    let command = [
      "--plugin", "Qwen3VL", "--to", "mimo", "--component", "language=tp=2,ep=4,etp=1,dp=2", "--component", "images=tp=2,dp=2",
    ]
    try RoundTrip(command + [Fixtures.experts], plugin: "Qwen3VL", source: Fixtures.experts, in: try Scratch()).check()
  }
}
