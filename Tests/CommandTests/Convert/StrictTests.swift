import Foundation
import Testing

/// What is lost of the weights is said even to who asked for quiet, and refused for who asked for that.
@Suite struct StrictTests {
  private static let plugin = ["--plugin", "Qwen3VL"]
  /// Norms of its DeltaNet layers are stored as x - 1, which bf16 does not hold for all of them.
  private static let megatron = plugin + ["--to", "megatron"]
  private static let norm = "model.language_model.layers.0.linear_attn.norm.weight"

  private static func run(_ arguments: [String]) throws -> Host.Outcome { try Host.run(["convert", "-q"] + arguments) }

  @Test func elementsThatCanNotBeBroughtBackAreSaidEvenWithQuiet() throws {
    let scratch = try Scratch()
    let run = try StrictTests.run(StrictTests.megatron + [Fixtures.dense, scratch("out")])
    let losses = try LossTests.losses(scratch("out"))
    #expect(run.code == 0 && run.output.isEmpty && losses.count > 1)
    let warnings = run.errors.split(separator: "\n")
    #expect(warnings.count == 1, "one cause is one line: \(run.errors)")
    for word in [
      "mimo-host: warning: \(losses.values.reduce(0, +)) elements of \(StrictTests.norm)",
      "and \(losses.count - 1) more tensors", "add(-1.0) in BF16", "--dtype float32 keeps them",
    ] { #expect(run.errors.contains(word), "\(run.errors)") }
  }

  /// What the warning says keeps the values does: not one bit of the source is lost on the way there and back.
  @Test func aWiderDTypeKeepsWhatBFloat16DoesNot() throws {
    let scratch = try Scratch()
    let wide = ["--dtype", "float32"]
    let run = try StrictTests.run(StrictTests.megatron + wide + ["--strict", Fixtures.dense, scratch("out")])
    #expect(run.code == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(try LossTests.losses(scratch("out")) == [:])
    try Host.convert(StrictTests.plugin + ["--to", "hf", scratch("out"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(Fixtures.dense), "there and back")
  }

  @Test func strictPublishesNothingWhereElementsAreLost() throws {
    let scratch = try Scratch()
    let run = try StrictTests.run(StrictTests.megatron + ["--strict", Fixtures.dense, scratch("out")])
    #expect(run.code == 3 && run.errors.contains("--strict: "), "\(run.errors)")
    #expect(run.errors.contains("--dtype float32 keeps them") && run.errors.contains(StrictTests.norm))
    #expect(scratch.names == [], "neither OUT nor work is left")
  }

  /// The layout has no place for the MTP layers: that is known before a byte moves.
  @Test func strictRefusesWeightsThatALayoutHasNoPlaceForAsPlanDoes() throws {
    let scratch = try Scratch()
    let arguments = StrictTests.plugin + Detour.mimo + ["--dtype", "float32", Fixtures.dense]
    let words = ["mtp.fc.weight", "more tensors left out: the MIMO layout has no multi-token prediction layers"]
    let quiet = try StrictTests.run(arguments + [scratch("out")])
    #expect(quiet.code == 0)
    for word in words { #expect(quiet.errors.contains(word), "\(quiet.errors)") }
    for command in [["plan", "--strict"] + arguments, ["convert", "--strict", "-q"] + arguments + [scratch("strict")]] {
      let run = try Host.run(command)
      #expect(run.code == 3, "\(command[0]): \(run.errors)")
      for word in words + ["--strict: "] { #expect(run.errors.contains(word), "\(command[0]): \(run.errors)") }
    }
    #expect(scratch.names == ["out"])
  }

  /// A file beside the weights that stays behind is no loss of weights.
  @Test func strictDoesNotMindFilesThatAreNoWeights() throws {
    let scratch = try Scratch()
    try FileManager.default.copyItem(atPath: Fixtures.experts, toPath: scratch("hf"))
    try Data([1]).write(to: URL(filePath: scratch("hf") + "/optimizer.pt"))
    let run = try StrictTests.run(StrictTests.megatron + ["--strict", scratch("hf"), scratch("out")])
    #expect(run.code == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(try omissions(scratch("out")).keys.contains("optimizer.pt"))
  }

  @Test func strictGoesWithSpliceToo() throws {
    let scratch = try Scratch()
    try Host.convert(StrictTests.megatron + [Fixtures.experts, scratch("base")])
    let splice = ["splice", "--strict", "--from", "images=\(Fixtures.experts)", scratch("base"), scratch("out")]
    let run = try Host.run(splice)
    #expect(run.code == 0 && run.errors.isEmpty, "\(run.errors)")
  }
}
