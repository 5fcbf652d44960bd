import Foundation
import MimoContainers
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
    (fsdp("--fsdp 3") + ["--weights-only"], "left behind"), (Detour.single, "have different lr"),
    (fsdp("--component language=fsdp=4 --component images=fsdp=2"), "MIMO model"),
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

  @Test(arguments: [
    (Fixtures.dense, Detour.single + ["--pp", "2"], "--fsdp 3 --tp 2", Detour.single + ["--tp", "2"]),
    (Fixtures.experts, Detour.single, "--fsdp 4 --ep 2", Detour.single + ["--ep", "2"]),
  ]) func stateOfTorchDistCrossesOverAndBack(source: String, from: [String], over: String, back: [String]) throws {
    let scratch = try Scratch()
    let plugin = ["--plugin", "Qwen3VL"]
    let training = try TrainingCheckpoint(source, from, in: scratch)
    try Host.convert(plugin + Self.fsdp(over) + [training.path, scratch("over")])
    try Host.convert(plugin + Self.fsdp(over) + ["--dtype", "float32", source, scratch("wide")])
    // Of a training that has masters and one moment, both equal to the weights.
    let wide = try TensorFact.distributed(scratch("wide"))
    let moments = FSDPTraining.moments(wide, cutAs: wide).filter { $0.key.hasSuffix(".exp_avg") }
    let seen = try TensorFact.distributed(scratch("over"))
    let small = seen.keys.filter { $0.hasPrefix("optimizer.param_to_group_meta.") || $0.hasSuffix(".step") || $0.hasPrefix("opt_param_scheduler.") }
    #expect(small.count { $0.hasSuffix(".step") && $0.hasPrefix("optimizer.state.") } == moments.count)
    let expected = wide.merging(moments) { own, _ in own }.filter { $0.value.dtype != "object" }
    expectEqual(seen.filter { $0.value.dtype != "object" && !small.contains($0.key) }, expected, "weights and moments")
    #expect(try drops(scratch("over")).map(\.name) == ["rng_state/shard_0.0_1.1"])
    let notes = try #require(try readJSON(scratch("over") + "/conversion_report.json")["notes"] as? [String])
    #expect(notes.contains { $0.contains("FP32 masters") })

    try Host.convert(plugin + back + [scratch("over"), scratch("back")])
    try Host.convert(plugin + back + [source, scratch("last")])
    try Host.convert(plugin + back + ["--dtype", "float32", source, scratch("last-wide")])
    let state = try TensorFact.distributed(scratch("last-wide")).filter { $0.value.dtype != "object" }
    let weights = try TensorFact.distributed(scratch("last"))
    let all = ["param.", "exp_avg."].reduce(into: weights) { all, kind in
      for (key, fact) in state { all["optimizer.state.\(kind)\(key)"] = fact }
    }
    expectEqual(try TensorFact.distributed(scratch("back")), all, "weights and optimizer")
    #expect(try drops(scratch("back")).isEmpty)
    let common = try #require(try DistCheckpoint.open(scratch("back")).commonState())
    #expect(common["opt_param_scheduler"]?["num_steps"]?.intValue == 88 && common["iteration"]?.intValue == 123)
    #expect(common["args"]?["no_save_optim"] == .bool(false))
    for path in ["over", "back"] { #expect(try Host.run(["verify", "--plugin", "Qwen3VL", scratch(path)]).code == 0) }
  }

  private func drops(_ path: String) throws -> [(name: String, reason: String)] {
    let report = try readJSON(path + "/conversion_report.json")
    return (report["omissions"] as? [[String: Any]] ?? []).compactMap { drop in
      guard let name = drop["name"] as? String, let reason = drop["reason"] as? String else { return nil }
      return (name, reason)
    }
  }
}
