import Foundation
import MimoContainers
import Testing

@Suite struct TrainingStateTests {
  static let layouts = [
    (Fixtures.experts, Detour.single, Detour.single + ["--tp", "2", "--pp", "2", "--ep", "2"]),
    (Fixtures.experts, Detour.single + ["--tp", "2"], Detour.mimo), (Fixtures.experts, Detour.mimo, Detour.single),
    (Fixtures.dense, Detour.single + ["--tp", "2"], Detour.single + ["--pp", "2"]),
  ]

  @Test(arguments: layouts)
  func theOptimizersTensorsLieAsTheirParametersDo(source: String, from: [String], to: [String]) throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(source, from, in: scratch)
    try Host.convert(["--plugin", "Qwen3VL"] + to + [training.path, scratch("out")])
    try Host.convert(["--plugin", "Qwen3VL"] + to + [source, scratch("weights")])
    try Host.convert(["--plugin", "Qwen3VL"] + to + ["--dtype", "float32", source, scratch("wide")])
    var expected = try TensorFact.distributed(scratch("weights"))
    // With ep > 1 the chain is another one than the source's.
    expected.merge(try TrainingCheckpoint.optimizer(of: scratch("wide"), isChained: !to.contains("--ep"))) { own, _ in own }
    expectEqual(try TensorFact.distributed(scratch("out")), expected, "weights and optimizer")
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    let drops = (report["omissions"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
    #expect(drops == ["rng_state/shard_0.0_1.1"])
    #expect(try Host.run(["verify", "--plugin", "Qwen3VL", scratch("out")]).code == 0)
  }

  @Test func iterationAndCommonStateTellTheNewLayout() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.experts, Detour.single, in: scratch)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", "--pp", "2", training.path, scratch("out")])
    let tracker = try String(contentsOfFile: scratch("out") + "/latest_checkpointed_iteration.txt", encoding: .utf8)
    #expect(tracker == "123")
    let checkpoint = try DistCheckpoint.open(scratch("out"))
    #expect(checkpoint.path.hasSuffix(TrainingCheckpoint.iteration))
    let (common, storages) = try #require(try checkpoint.commonStateWithStorages())
    let args = try #require(common["args"])
    #expect(args["tensor_model_parallel_size"]?.intValue == 2 && args["pipeline_model_parallel_size"]?.intValue == 2)
    #expect(args["num_layers"]?.intValue == 8 && args["no_save_rng"]?.boolValue == true && args["no_save_optim"] == nil)
    #expect(common["iteration"]?.intValue == 123 && common["opt_param_scheduler"]?["num_steps"]?.intValue == 88)
    #expect(common["optimizer"] != nil && storages == [[7, 0, 0, 0, 0, 0, 0, 0]])
    let content = try #require(common["content_metadata"])
    #expect(content["singleton_local_shards"]?.boolValue == false && content["non_homogeneous_layers"] == nil)
    #expect(content["distrib_optim_sharding_type"]?.stringValue == "fully_reshardable")
    let config = try String(contentsOfFile: checkpoint.path + "/run_config.yaml", encoding: .utf8)
    #expect(config.contains("save_optim: true") && config.contains("save_rng: false"))
  }

  @Test func weightsOnlyLeavesTheRestBehindByName() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.experts, Detour.single, in: scratch)
    try Host.convert([
      "--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", "--weights-only", training.path, scratch("out"),
    ])
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", Fixtures.experts, scratch("weights")])
    expectEqual(try TensorFact.distributed(scratch("out")), try TensorFact.distributed(scratch("weights")), "weights")
    let common = try #require(try DistCheckpoint.open(scratch("out")).commonState())
    #expect(common["optimizer"] == nil && common["opt_param_scheduler"] == nil)
    #expect(common["args"]?["no_save_optim"]?.boolValue == true)
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    let drops = (report["omissions"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
    #expect(drops.contains("optimizer.state.exp_avg.language_model.output_layer.weight"))
  }

  @Test func bucketsOfDataParallelRanksAreLeftBehindWithTheReason() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.experts, Detour.single, in: scratch)
    let bucket = "optimizer.distributed.dp_group_idx_0.gbuf_idx_0.bucket_idx_0.exp_avg"
    try training.edit { tensors, _, _ in
      let norm = tensors.first { $0.key.hasPrefix("optimizer.") && $0.key.hasSuffix("final_layernorm.weight") }
      tensors.removeAll { $0.key.contains("optimizer.state.") }
      guard var norm else { return }
      norm.key = bucket
      tensors.append(norm)
    }
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", training.path, scratch("out")])
    let report = try readJSON(scratch("out") + "/conversion_report.json")
    let drop = (report["omissions"] as? [[String: Any]] ?? []).first { $0["name"] as? String == bucket }
    #expect((drop?["reason"] as? String)?.contains("buckets of the former data parallel ranks") == true)
    let common = try #require(try DistCheckpoint.open(scratch("out")).commonState())
    #expect(common["optimizer"] == nil && common["args"]?["no_save_optim"]?.boolValue == true)
  }
}
