import Foundation
import Testing

/// Components taken apart and put together.
@Suite struct SpliceTests {
  private static let plugin = ["--plugin", "Qwen3VL"]
  private static let images = "modality_submodules.images."

  /// A base in MIMO's layout from the fixture, and another model's Hugging Face folder with the same config.
  private static func make(in scratch: Scratch, _ base: [String] = Detour.mimo) throws {
    let config = Fixtures.dense + "/config.json"
    let made = try Host.run(["synth", "-q"] + plugin + ["--config", config, "--seed", "5", scratch("other")])
    try #require(made.code == 0, "\(made.errors)")
    try Host.convert(plugin + base + [Fixtures.dense, scratch("base")])
  }

  private static func splice(_ arguments: [String]) throws {
    let outcome = try Host.run(["splice", "-q"] + arguments)
    try #require(outcome.code == 0, "\(outcome.errors)")
  }

  /// OTHER as a folder, as a component alone in another layout, as a whole checkpoint of each kind.
  @Test(
    arguments: [
      nil, Detour.single + ["--only", "images", "--tp", "2"],
      ["--to", "mimo", "--component", "images=tp=2", "--only", "images"], Detour.single + ["--pp", "2"],
      ["--to", "ranks", "--tp", "2"],
    ] as [[String]?])
  func theComponentIsTheOthersAndTheRestIsTheBases(_ form: [String]?) throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch)
    var donor = scratch("other")
    if let form {
      donor = scratch("donor")
      try Host.convert(SpliceTests.plugin + form + [scratch("other"), donor])
    }
    try SpliceTests.splice(["--from", "images=\(donor)", scratch("base"), scratch("out")])
    try Host.convert(SpliceTests.plugin + Detour.mimo + [scratch("other"), scratch("whole")])
    let (base, other) = (try TensorFact.distributed(scratch("base")), try TensorFact.distributed(scratch("whole")))
    let expected = base.filter { !$0.key.hasPrefix(SpliceTests.images) }
      .merging(other.filter { $0.key.hasPrefix(SpliceTests.images) }) { own, _ in own }
    expectEqual(try TensorFact.distributed(scratch("out")), expected, "spliced")
    let verified = try Host.run(["verify"] + SpliceTests.plugin + [scratch("base"), scratch("out")])
    #expect(verified.code == 7 && !verified.output.contains("differs: model.language_model"))
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    #expect((report["notes"] as? [String])?.first?.contains("images: 45 parameters are those of \(donor)") == true)
  }

  @Test func anotherFormatAndLayoutCanBeAskedFor() throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch)
    try SpliceTests.splice(
      SpliceTests.plugin + ["--from", "images=\(scratch("base"))"] + Detour.single + ["--tp", "2", scratch("base"), scratch("out")])
    try Host.convert(SpliceTests.plugin + Detour.single + ["--tp", "2", scratch("base"), scratch("direct")])
    expectEqual(try TensorFact.distributed(scratch("out")), try TensorFact.distributed(scratch("direct")), "own images")
  }

  @Test func aComponentAloneIsVerifiedButIsNoModel() throws {
    let scratch = try Scratch()
    try Host.convert(SpliceTests.plugin + Detour.single + ["--only", "images", Fixtures.dense, scratch("part")])
    try Host.convert(SpliceTests.plugin + Detour.mimo + [Fixtures.dense, scratch("whole")])
    try Host.convert(SpliceTests.plugin + Detour.single + ["--only", "images", scratch("whole"), scratch("again")])
    #expect(try folderBytes(scratch("part")) == folderBytes(scratch("again")))
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch("part") + "/iter_0000000")
    #expect(!files.contains("run_config.yaml"), "no trainer can build a model from a part")
    for pair in [[scratch("part")], [scratch("part"), scratch("whole")], [Fixtures.dense, scratch("part")]] {
      #expect(try Host.run(["verify"] + SpliceTests.plugin + pair).code == 0)
    }
    try Refusal.expect(
      SpliceTests.plugin + ["--to", "hf", scratch("part"), scratch("out")], in: scratch, code: 8,
      words: [scratch("part"), "component images alone", "splice"])
    try Refusal.expect(
      SpliceTests.plugin + Detour.single + ["--only", "language", scratch("part"), scratch("out")], in: scratch, code: 3,
      words: [scratch("part"), "holds component images alone, not language"])
    try Refusal.expect(
      SpliceTests.plugin + Detour.single + ["--only", "sound", Fixtures.dense, scratch("out")], in: scratch, code: 2,
      words: ["no component 'sound'", "language, images"])
    try Refusal.expect(
      SpliceTests.plugin + ["--to", "ranks", "--tp", "1", "--only", "images", Fixtures.dense, scratch("out")], in: scratch,
      code: 2, words: ["--only goes with --to mimo and --to megatron only"])
  }

  struct Misfit: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var arguments: [String]
    var code: Int32
    var words: [String]
    var change: @Sendable (inout [String: Any]) -> Void = { _ in }
  }

  static let misfits = [
    Misfit(
      testDescription: "another depth", arguments: ["--from", "images=OTHER", "BASE", "OUT"], code: 3,
      words: ["vision_config.depth is 1, but 3 in", "does not fit this model"]
    ) { config in
      var vision = config["vision_config"] as? [String: Any] ?? [:]
      vision["depth"] = 1
      config["vision_config"] = vision
    },
    Misfit(
      testDescription: "another epsilon, which no shape shows", arguments: ["--from", "language=OTHER", "BASE", "OUT"], code: 3,
      words: ["text_config.rms_norm_eps is"]
    ) { config in
      var text = config["text_config"] as? [String: Any] ?? [:]
      text["rms_norm_eps"] = 0.125
      config["text_config"] = text
    },
    Misfit(
      testDescription: "another list of numbers", arguments: ["--from", "language=OTHER", "BASE", "OUT"], code: 3,
      words: ["text_config.rope_parameters.mrope_section is [1, 2, 1], but [2, 1, 1] in"]
    ) { config in
      var text = config["text_config"] as? [String: Any] ?? [:]
      var rope = text["rope_parameters"] as? [String: Any] ?? [:]
      rope["mrope_section"] = [1, 2, 1]
      text["rope_parameters"] = rope
      config["text_config"] = text
    },
    Misfit(
      testDescription: "no such component", arguments: ["--from", "sound=OTHER", "BASE", "OUT"], code: 2,
      words: ["no component 'sound'"]),
    Misfit(
      testDescription: "a folder as the base, and no plugin", arguments: ["--from", "images=BASE", "OTHER", "OUT"], code: 2,
      words: ["--plugin is missing"]),
    Misfit(
      testDescription: "a language model without its multi-token prediction",
      arguments: ["--plugin", "Qwen3VL", "--from", "language=BASE", "OTHER", "OUT"], code: 3,
      words: ["BASE", "mtp.", "the source has not", "does not fit this model"]),
    Misfit(
      testDescription: "OUT is the checkpoint that a component is from",
      arguments: ["--overwrite", "--from", "images=OTHER", "BASE", "OTHER"], code: 2, words: ["OTHER", "is read from"]),
    Misfit(
      testDescription: "prime-rl's layout", arguments: ["--to", "prime", "--from", "images=OTHER", "BASE", "OUT"], code: 8,
      words: ["splice writes no prime folder"]),
    Misfit(testDescription: "no component", arguments: ["BASE", "OUT"], code: 2, words: ["--from is missing"]),
    Misfit(
      testDescription: "a component twice", arguments: ["--from", "images=OTHER", "--from", "images=OTHER", "BASE", "OUT"],
      code: 2, words: ["names component images twice"]),
    Misfit(
      testDescription: "a layout without a format", arguments: ["--tp", "2", "--from", "images=OTHER", "BASE", "OUT"], code: 2,
      words: ["--tp goes with --to"]),
  ]

  @Test(arguments: misfits) func whatDoesNotFitIsRefused(_ misfit: Misfit) throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch)
    try disown(scratch("other"))
    try editJSON(scratch("other") + "/config.json", misfit.change)
    let arguments = misfit.arguments.map { argument in
      argument.replacing("BASE", with: scratch("base")).replacing("OTHER", with: scratch("other"))
        .replacing("OUT", with: scratch("out"))
    }
    let words = misfit.words.map { $0.replacing("BASE", with: scratch("base")).replacing("OTHER", with: scratch("other")) }
    Refusal.judge(try Host.run(["splice", "-q"] + arguments), code: misfit.code, words: words)
    #expect(scratch.names == ["base", "other"])
  }

  @Test func dtypesMustAgreeUnlessOneIsChosen() throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch)
    try Host.convert(
      SpliceTests.plugin + Detour.single + ["--only", "images", "--dtype", "float32", scratch("other"), scratch("wide")])
    let command = ["splice", "-q", "--from", "images=\(scratch("wide"))"]
    Refusal.judge(
      try Host.run(command + [scratch("base"), scratch("out")]), code: 3, words: ["is F32 here, but BF16", "--dtype"])
    #expect(try Host.run(command + ["--dtype", "bfloat16", scratch("base"), scratch("out")]).code == 0)
  }

  @Test func aComponentAloneIsNoBase() throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch, Detour.single + ["--only", "language"])
    Refusal.judge(
      try Host.run(["splice", "-q", "--from", "images=\(scratch("other"))", scratch("base"), scratch("out")]), code: 8,
      words: ["holds component language alone", "Name a whole checkpoint as BASE"])
  }

  @Test func aBaseThatDoesNotSayItsLayoutWantsOne() throws {
    let scratch = try Scratch()
    try SpliceTests.make(in: scratch)
    try FileManager.default.removeItem(atPath: scratch("base") + "/conversion_report.json")
    Refusal.judge(
      try Host.run(["splice", "-q"] + SpliceTests.plugin + ["--from", "images=\(scratch("other"))", scratch("base"), scratch("out")]),
      code: 2, words: ["does not say its layout", "--to and a layout"])
  }
}
