import Foundation
import Testing

/// Megatron-FSDP's format from and to the others, without Hugging Face in between.
@Suite struct FSDPReshardTests {
  private static let fsdp = ["--to", "fsdp_dtensor", "--fsdp", "3", "--tp", "2"]
  private static let mimo = ["--to", "fsdp_dtensor", "--component", "language=fsdp=4,tp=2", "--component", "images=fsdp=2"]

  static let detours: [Detour] =
    [
      (Detour.single + ["--tp", "2", "--pp", "2"], fsdp), (["--to", "ranks", "--tp", "2"], fsdp),
      (["--to", "fsdp_dtensor", "--fsdp", "5"], fsdp), (Detour.mimo, mimo), (fsdp, mimo),
    ].map { Detour(source: Fixtures.dense, first: $0, second: $1) }
    + [
      (Detour.single + ["--ep", "4"], ["--to", "fsdp_dtensor", "--fsdp", "4", "--ep", "2"]),
      (["--to", "fsdp_dtensor", "--fsdp", "4", "--ep", "4"], ["--to", "fsdp_dtensor", "--fsdp", "3"]),
      (Detour.mimo, ["--to", "fsdp_dtensor", "--fsdp", "2", "--tp", "2", "--ep", "2"]),
    ].map { Detour(source: Fixtures.experts, first: $0, second: $1) }

  @Test(arguments: detours) func theDetourEndsInTheFilesOfTheDirectImport(_ detour: Detour) throws {
    try detour.check()
  }

  /// The weights in the files of another format; its common state also has the arguments that fsdp_dtensor must have.
  @Test(arguments: [
    (fsdp, Detour.single + ["--tp", "2", "--pp", "2"]), (mimo, Detour.mimo), (fsdp, ["--to", "ranks", "--tp", "2"]),
  ]) func otherFormatsComeOfItAsOfTheImport(from: [String], to: [String]) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    try Host.convert(plugin + from + [Fixtures.dense, scratch("first")])
    try Host.convert(plugin + to + [scratch("first"), scratch("seen")])
    try Host.convert(plugin + to + [Fixtures.dense, scratch("direct")])
    var (seen, direct) = (try folderBytes(scratch("seen")), try folderBytes(scratch("direct")))
    for name in seen.keys where name.hasSuffix("common.pt") || name.hasSuffix("run_config.yaml") {
      seen[name] = nil
      direct[name] = nil
    }
    expectSameFiles(seen, direct)
  }

  @Test(
    .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"),
    arguments: FSDPCase.golden)
  func theSquareEndsInTheExportOfItsFirstCorner(_ fsdp: FSDPCase) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", fsdp.plugin]
    try Host.convert(plugin + ["--to", "megatron", fsdp.source, scratch("megatron")])
    try Host.convert(plugin + ["--to", "hf", scratch("megatron"), scratch("short")])
    try Host.convert(Array(fsdp.command().dropLast()) + [scratch("megatron"), scratch("fsdp")])
    try Host.convert(plugin + ["--to", "megatron", scratch("fsdp"), scratch("again")])
    try Host.convert(plugin + ["--to", "hf", scratch("again"), scratch("long")])
    expectEqual(try TensorFact.folder(scratch("long")), try TensorFact.folder(scratch("short")), fsdp.testDescription)
  }
}
