import Foundation
import MimoFormats
import Testing

/// The optimizer's state in Megatron-FSDP's format.
@Suite struct FSDPTrainingTests {
  private static func fsdp(_ layout: String) -> [String] {
    ["--to", "fsdp_dtensor"] + layout.split(separator: " ").map(String.init)
  }

  @Test(arguments: [
    (Fixtures.dense, "--fsdp 2", "--fsdp 3 --tp 2"), (Fixtures.dense, "--fsdp 3 --tp 2", "--fsdp 40"),
    (Fixtures.experts, "--fsdp 4 --ep 2", "--fsdp 3"), (Fixtures.experts, "--fsdp 2", "--fsdp 4 --tp 2 --ep 2 --etp 2"),
  ]) func momentsLieInTheRowsOfTheirParametersAndTheRestAsItWas(source: String, from: String, to: String) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"] + Self.fsdp(to)
    let training = try FSDPTraining(source, Self.fsdp(from), in: scratch)
    try Host.convert(plugin + [training.path, scratch("out")])
    try Host.convert(plugin + [source, scratch("weights")])
    try Host.convert(plugin + ["--dtype", "float32", source, scratch("wide")])
    let out = try DistCheckpoint.open(scratch("out"))
    for (key, bytes) in training.small { #expect(try out.item(key) == bytes, "\(key)") }
    let seen = try TensorFact.distributed(scratch("out")).filter { training.small[$0.key] == nil }
    let weights = try TensorFact.distributed(scratch("weights"))
    let moments = FSDPTraining.moments(try TensorFact.distributed(scratch("wide")), cutAs: weights)
    expectEqual(seen, weights.merging(moments) { own, _ in own }, "weights and moments")
    #expect(try drops(scratch("out")).map(\.name).sorted() == (FSDPTraining.misfits + [FSDPTraining.random]).sorted())
    let args = try out.read(try #require(out[object: "args"])).value
    #expect(args["no_save_optim"]?.boolValue == false && args["no_save_rng"]?.boolValue == true)
    #expect(try Host.run(["verify", "--plugin", "Qwen3VL", scratch("out")]).code == 0)
  }

  @Test(arguments: [
    (fsdp("--fsdp 3") + ["--weights-only"], "left behind"), (Detour.single, "do not cross over"),
    (fsdp("--component language=fsdp=4 --component images=fsdp=2"), "left behind"),
  ]) func stateThatHasNoPlaceIsLeftBehindWithTheReason(to: [String], reason: String) throws {
    let scratch = try Scratch()
    let training = try FSDPTraining(Fixtures.dense, Self.fsdp("--fsdp 2"), in: scratch)
    try Host.convert(["--plugin", "Qwen3VL"] + to + [training.path, scratch("out")])
    let held = try TensorFact.distributed(scratch("out")).keys.filter { $0.hasPrefix("optim") || $0.hasPrefix("opt_") }
    #expect(held.isEmpty)
    let left = try drops(scratch("out"))
    let moment = left.first { $0.name.hasSuffix("final_layernorm.weight.exp_avg_sq") }
    #expect(moment?.reason.contains(reason) == true)
    #expect(left.contains { $0.name.hasPrefix("optimizer.param_to_group_meta.") })
  }

  @Test func stateOfTorchDistIsLeftBehindWithTheReason() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.dense, Detour.single, in: scratch)
    try Host.convert(["--plugin", "Qwen3VL"] + Self.fsdp("--fsdp 2") + [training.path, scratch("out")])
    let moments = try drops(scratch("out")).filter { $0.name.hasPrefix("optimizer.state.exp_avg.") }
    #expect(!moments.isEmpty && moments.allSatisfy { $0.reason.contains("do not cross over") })
  }

  private func drops(_ path: String) throws -> [(name: String, reason: String)] {
    let report = try readJSON(path + "/conversion_report.json")
    return (report["drops"] as? [[String: Any]] ?? []).compactMap { drop in
      guard let name = drop["name"] as? String, let reason = drop["reason"] as? String else { return nil }
      return (name, reason)
    }
  }
}
