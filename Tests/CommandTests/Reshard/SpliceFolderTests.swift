import Foundation
import Testing

/// Splices that begin or end as Hugging Face folders: whose tensors are those of which checkpoint is told by the folders alone.
@Suite struct SpliceFolderTests {
  struct Model: Sendable {
    /// In the fixtures.
    var folder: String
    /// In MIMO.
    var layout: [String]
    /// The form of its experts, for synth.
    var storage: [String] = []
  }

  struct Case: CustomTestStringConvertible, Sendable {
    var component: String
    var model: Model
    /// What OTHER is; nil for the folder itself.
    var donor: [String]?

    var testDescription: String { "\(component) of \(donor.map { $0[1] } ?? "hf"), \(model.folder.split(separator: "/").dropLast().last ?? "")" }
  }

  private static let plugin = ["--plugin", "Qwen3VL"]
  private static let dense = Model(
    folder: Fixtures.dense, layout: ["--component", "language=tp=2", "--component", "images=tp=2"])
  private static let experts = Model(
    folder: Fixtures.experts, layout: ["--component", "language=tp=2,ep=2,etp=1", "--component", "images=tp=1"],
    storage: ["--expert-storage", "packed"])

  static let cases = [dense, experts].flatMap { model in
    [
      Case(component: "images", model: model), Case(component: "language", model: model),
      Case(component: "images", model: model, donor: ["--to", "mimo"] + model.layout),
      Case(component: "images", model: model, donor: Detour.single + ["--tp", "2"]),
      Case(component: "language", model: model, donor: Detour.single + ["--tp", "2"]),
      Case(component: "images", model: model, donor: ["--to", "ranks", "--tp", "2"]),
    ]
  }

  /// Another model of the same config, its values, and OTHER made of it.
  private static func other(_ item: Case, in scratch: Scratch) throws -> String {
    let config = item.model.folder + "/config.json"
    try synth(config, to: scratch("other"), item.model.storage)
    guard let donor = item.donor else { return scratch("other") }
    try Host.convert(plugin + donor + [scratch("other"), scratch("donor")])
    // What Megatron holds of it: its folder again.
    try FileManager.default.removeItem(atPath: scratch("other"))
    try Host.convert(plugin + ["--to", "hf", scratch("donor"), scratch("other")])
    return scratch("donor")
  }

  private static func synth(_ config: String, to folder: String, _ more: [String] = []) throws {
    let made = try Host.run(["synth", "-q"] + plugin + ["--config", config, "--seed", "7"] + more + [folder])
    try #require(made.code == 0, "\(made.errors)")
  }

  private static func splice(_ arguments: [String]) throws {
    let outcome = try Host.run(["splice", "-q"] + plugin + arguments)
    try #require(outcome.code == 0, "\(outcome.errors)")
  }

  @Test(arguments: cases) func eachTensorIsThatOfItsCheckpoint(_ item: Case) throws {
    let scratch = try Scratch()
    let donor = try SpliceFolderTests.other(item, in: scratch)
    try SpliceFolderTests.splice(["--from", "\(item.component)=\(donor)", item.model.folder, scratch("out")])
    let (base, other) = (try TensorFact.folder(item.model.folder), try TensorFact.folder(scratch("other")))
    let expected = base.merging(other.filter { $0.key.contains("visual") == (item.component == "images") }) { $1 }
    expectEqual(try TensorFact.folder(scratch("out")), expected, item.testDescription)
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    let read = try #require(report["read_again"] as? [[String: Any]])
    let (equal, changed) = (read.compactMap { $0["equal"] as? Int }, read.compactMap { $0["changed_dtype"] as? Int })
    #expect(equal.count == 2 && (equal + changed).reduce(0, +) == expected.count)
    // Megatron stores in BF16 what the folder has in F32.
    let isWidened = item.component == "language" && item.donor != nil && item.model.folder == Fixtures.dense
    #expect(changed == [0, isWidened ? 12 : 0])
  }

  /// What an import of the folder that both were put together in would have written.
  @Test(arguments: cases) func aMegatronCheckpointIsThatOfTheFolder(_ item: Case) throws {
    let scratch = try Scratch()
    let donor = try SpliceFolderTests.other(item, in: scratch)
    let from = ["--from", "\(item.component)=\(donor)", item.model.folder]
    try SpliceFolderTests.splice(from + [scratch("folder")])
    for layout in [["--to", "mimo"] + item.model.layout, Detour.single + ["--pp", "2"]] {
      try SpliceFolderTests.splice(["--overwrite"] + layout + from + [scratch("out")])
      try Host.convert(["--overwrite"] + SpliceFolderTests.plugin + layout + [scratch("folder"), scratch("direct")])
      expectEqual(
        try TensorFact.distributed(scratch("out")), try TensorFact.distributed(scratch("direct")), "\(item) \(layout[1])")
    }
  }

  @Test func expertsMayLieInAnotherForm() throws {
    let scratch = try Scratch()
    try SpliceFolderTests.synth(Fixtures.experts + "/config.json", to: scratch("packed"))
    try Host.convert(SpliceFolderTests.plugin + Detour.single + [scratch("packed"), scratch("stored")])
    try Host.convert(
      SpliceFolderTests.plugin + ["--to", "hf", "--expert-storage", "per-expert", scratch("stored"), scratch("apart")])
    #expect(try TensorFact.folder(scratch("apart")).count > TensorFact.folder(scratch("packed")).count)
    for donor in ["packed", "stored", "apart"] {
      try SpliceFolderTests.splice(["--from", "language=\(scratch(donor))", Fixtures.experts, scratch("out-\(donor)")])
    }
    let expected = try TensorFact.folder(scratch("out-packed"))
    expectEqual(try TensorFact.folder(scratch("out-stored")), expected, "stored")
    expectEqual(try TensorFact.folder(scratch("out-apart")), expected, "apart")
  }

  @Test func aDryRunWritesNothing() throws {
    let scratch = try Scratch()
    try SpliceFolderTests.synth(Fixtures.dense + "/config.json", to: scratch("other"))
    let command = ["splice", "-n"] + SpliceFolderTests.plugin + ["--from", "images=\(scratch("other"))"]
    for layout in [[], Detour.single + ["--tp", "2"]] {
      let shown = try Host.run(command + layout + [Fixtures.dense, scratch("out")])
      #expect(shown.code == 0 && shown.output.contains("images: 45 parameters are those of \(scratch("other"))"))
    }
    #expect(scratch.names == ["other"])
  }
}
