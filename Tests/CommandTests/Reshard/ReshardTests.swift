import Foundation
import Testing

/// A way from a Hugging Face folder to a Megatron checkpoint, through another one.
struct Detour: CustomTestStringConvertible, Sendable {
  var source: String
  var plugin = "Qwen3VL"
  var first: [String]
  var second: [String]

  var testDescription: String { "\(first.joined(separator: " ")), then \(second.joined(separator: " "))" }

  static let single = ["--to", "megatron"]
  static let mimo = ["--to", "mimo", "--component", "language=tp=2,pp=2,dp=1", "--component", "images=tp=1"]

  /// Each form into each other one. MIMO has no place for the dense model's prediction layers, so no way leads back.
  static let all: [Detour] =
    [
      (single, single + ["--tp", "2", "--pp", "2"]), (single + ["--tp", "2", "--pp", "2"], single),
      (single + ["--pp", "2"], single + ["--tp", "2"]), (single + ["--tp", "4", "--pad-vocab"], single),
      (single, single + ["--tp", "4", "--pad-vocab"]), (single + ["--tp", "2"], mimo),
      (["--to", "ranks", "--tp", "2", "--pp", "2"], single), (single, ["--to", "ranks", "--tp", "2"]),
      (mimo, ["--to", "mimo", "--component", "images=tp=2,dp=1", "--component", "language=tp=1,dp=2"]),
      (mimo, ["--to", "ranks", "--component", "language=tp=1", "--component", "images=tp=1"]),
    ].map { Detour(source: Fixtures.dense, first: $0, second: $1) }
    + [
      (single, single + ["--tp", "2", "--ep", "2", "--etp", "1"]), (single + ["--ep", "4"], single + ["--pp", "2"]),
      (mimo, single + ["--tp", "2"]), (["--to", "ranks", "--tp", "2", "--ep", "2"], mimo),
    ].map { Detour(source: Fixtures.experts, first: $0, second: $1) }

  /// The files of the direct import, and those that the way through `first` ends in; nothing else is left beside them.
  func check() throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", plugin]
    try Host.convert(plugin + second + [source, scratch("out")])
    let direct = try folderBytes(scratch("out"))
    try FileManager.default.removeItem(atPath: scratch("out"))
    try Host.convert(plugin + first + [source, scratch("first")])
    try Host.convert(plugin + second + [scratch("first"), scratch("out")])
    expectSameFiles(try folderBytes(scratch("out")), direct)
    #expect(scratch.names == ["first", "out"], "nothing is left beside the output")
  }
}

/// Fails with the names of the files that differ.
func expectSameFiles(
  _ seen: [String: Data], _ expected: [String: Data], sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(Set(seen.keys) == Set(expected.keys), sourceLocation: sourceLocation)
  #expect(expected.keys.filter { seen[$0] != expected[$0] }.sorted() == [], sourceLocation: sourceLocation)
}

@Suite struct ReshardTests {
  /// The strongest there is: nothing tells a checkpoint that came a long way from one that was imported.
  @Test(arguments: Detour.all) func theDetourEndsInTheFilesOfTheDirectImport(_ detour: Detour) throws {
    try detour.check()
  }

  @Test(arguments: [Fixtures.dense, Fixtures.experts])
  func megatronFSDPOfMIMOHasTheRowsOfTheDirectImport(_ source: String) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    try Host.convert(plugin + Detour.mimo + [source, scratch("mimo")])
    try Host.convert(plugin + ["--to", "fsdp_dtensor", "--fsdp", "2", source, scratch("direct")])
    try Host.convert(plugin + ["--to", "fsdp_dtensor", "--fsdp", "2", scratch("mimo"), scratch("seen")])
    let direct = try TensorFact.distributed(scratch("direct")).filter { !$0.key.contains(".mtp.") && $0.value.dtype != "object" }
    let seen = try TensorFact.distributed(scratch("seen")).filter { $0.value.dtype != "object" }
    // Prediction layers that MIMO has not would lie in the same flat buffers, so that others' rows are cut elsewhere.
    expectEqual(seen.mapValues(\.withoutBoxes), direct.mapValues(\.withoutBoxes), "rows")
  }

  /// Straight on, or through Megatron-FSDP.
  @Test(arguments: [Fixtures.dense, Fixtures.experts], [[], ["--to", "fsdp_dtensor", "--fsdp", "3"]])
  func theSquareEndsInTheExportOfItsFirstCorner(_ source: String, through: [String]) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    try Host.convert(plugin + Detour.mimo + [source, scratch("mimo")])
    try Host.convert(plugin + ["--to", "hf", scratch("mimo"), scratch("expected")])
    if !through.isEmpty { try Host.convert(plugin + through + [scratch("mimo"), scratch("between")]) }
    let last = scratch(through.isEmpty ? "mimo" : "between")
    try Host.convert(plugin + Detour.single + ["--tp", "2", last, scratch("megatron")])
    try Host.convert(plugin + ["--to", "hf", scratch("megatron"), scratch("back")])
    #expect(try folderBytes(scratch("back")) == folderBytes(scratch("expected")))
  }

  @Test func jobsAndMemoryDoNotChangeTheResult() throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    try Host.convert(plugin + Detour.mimo + [Fixtures.experts, scratch("mimo")])
    var results: [[String: Data]] = []
    for options in [["--jobs", "1"], ["--jobs", "3", "--memory", "8M"]] {
      try Host.convert(plugin + Detour.single + options + [scratch("mimo"), scratch("out")])
      results.append(try folderBytes(scratch("out")))
      try FileManager.default.removeItem(atPath: scratch("out"))
    }
    #expect(results[0] == results[1])
  }

  @Test func aDTypeIsOnlyChangedWhenAsked() throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    try Host.convert(plugin + Detour.single + ["--dtype", "float32", Fixtures.experts, scratch("wide")])
    try Host.convert(plugin + Detour.mimo + [scratch("wide"), scratch("kept")])
    let kept = try TensorFact.distributed(scratch("kept"))
    #expect(kept.values.allSatisfy { $0.dtype == "F32" || $0.dtype == "object" })
    try Host.convert(plugin + Detour.mimo + ["--dtype", "bfloat16", scratch("wide"), scratch("narrow")])
    try Host.convert(plugin + Detour.mimo + [Fixtures.experts, scratch("direct")])
    expectEqual(try TensorFact.distributed(scratch("narrow")), try TensorFact.distributed(scratch("direct")), "narrowed")
    let report = try readJSON(scratch("narrow") + "/conversion_report.json")
    #expect((report["dtype_changes"] as? [Any])?.isEmpty == false)
  }

  @Test func aFlippedBitOfTheSourceIsFoundByItsChecksum() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL"] + Detour.single + [Fixtures.experts, scratch("source")])
    try flip(scratch("source") + "/iter_0000000/__0_0.distcp", at: 2048)
    try Refusal.expect(
      ["--plugin", "Qwen3VL"] + Detour.mimo + [scratch("source"), scratch("out")], in: scratch, code: 3,
      words: ["__0_0.distcp", "CRC-32", "damaged"])
  }

  @Test func reportsAndPlansSpeakOfParametersNotOfHuggingFaceTensors() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL"] + Detour.single + [Fixtures.dense, scratch("one")])
    try Host.convert(["--plugin", "Qwen3VL"] + Detour.mimo + [scratch("one"), scratch("two")])
    let report = try readJSON(scratch("two") + "/conversion_report.json")
    #expect(report["digests_of"] as? String == "megatron_parameters")
    let drops = report["omissions"] as? [[String: Any]] ?? []
    #expect(!drops.isEmpty && drops.allSatisfy { ($0["name"] as? String)?.contains("mtp.layers.0.") == true })
    let plan = try Host.run(["plan", "--plugin", "Qwen3VL"] + Detour.mimo + [scratch("one")])
    #expect(plan.code == 0 && plan.output.contains("megatron -> mimo") && plan.output.contains("\nsource "))
    #expect(try Host.run(["verify", "--plugin", "Qwen3VL", scratch("two")]).code == 0)
    #expect(try Host.run(["verify", "--plugin", "Qwen3VL", scratch("one"), scratch("two")]).code == 0)
  }
}

extension TensorFact {
  fileprivate var withoutBoxes: TensorFact { TensorFact(dtype: dtype, shape: shape, content: content) }
}

/// The reference's own checkpoints in other layouts, for every family that has a plugin here.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct GoldenReshardTests {
  @Test(arguments: ReferenceFolder.golden.checkpoints)
  func whatTheReferenceWroteGoesToOneRankAsOursDoes(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let target = ["--plugin", reference.plugin, "--to", "megatron"]
    try Host.convert(target + ["--hf-config", reference.source, reference.path, scratch("seen")])
    try Host.convert(target + [reference.source, scratch("direct")])
    var expected = try TensorFact.distributed(scratch("direct"))
    if reference.isMimo { expected = expected.filter { !$0.key.contains("mtp.") } }
    expectEqual(try TensorFact.distributed(scratch("seen")), expected, reference.testDescription)
  }

  @Test(arguments: ReferenceFolder.golden.reversible)
  func theLongWayBackIsTheShortOne(_ reference: ReferenceCase) throws {
    guard reference.form != .prime else { return }
    let scratch = try Scratch()
    let plugin = ["--plugin", reference.plugin]
    try Host.convert(reference.command(to: scratch("there")))
    try Host.convert(plugin + ["--to", "hf", scratch("there"), scratch("short")])
    try Host.convert(plugin + ["--to", "megatron", scratch("there"), scratch("one")])
    try Host.convert(plugin + ["--to", "fsdp_dtensor", "--fsdp", "3", scratch("one"), scratch("fsdp")])
    try Host.convert(plugin + ["--to", "ranks", "--pp", "2", scratch("fsdp"), scratch("ranks")])
    try Host.convert(plugin + ["--to", "hf", scratch("ranks"), scratch("long")])
    expectEqual(
      try TensorFact.folder(scratch("long")), try TensorFact.folder(scratch("short")), reference.testDescription)
  }
}
