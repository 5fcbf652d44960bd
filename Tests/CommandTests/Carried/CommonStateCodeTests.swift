import Foundation
import MimoContainers
import Testing

/// A training's state goes along as data: what a loader would run is left out by its name.
@Suite struct CommonStateCodeTests {
  private static let command = ["--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2"]

  /// A training whose common state holds calls beside data, in a file or in the item of megatron-core 0.19.
  private static func training(asItem: Bool, in scratch: Scratch) throws -> TrainingCheckpoint {
    let training = try TrainingCheckpoint(Fixtures.dense, Detour.single, in: scratch)
    let path = "\(training.path)/\(TrainingCheckpoint.iteration)/common.pt"
    try editTorchFile(path, root: "common") { entries in
      entries.append(PicklePair(.string("hook"), Payload.call))
      entries.append(PicklePair(.string("deep"), .record(["list": .list([.tuple([.int(1), Payload.call])])])))
      entries.append(PicklePair(Payload.call, .int(1)))
      try setAttribute("callback", of: "args", Payload.call, in: &entries)
    }
    if asItem { try moveIntoItem(path, training) }
    return training
  }

  private static func moveIntoItem(_ path: String, _ training: TrainingCheckpoint) throws {
    let source = try PosixByteSource(path: path)
    let object = try TorchObject(file: source)
    let item = TorchZipItem.object(.list([object.value]), storages: try object.storages(in: source))
    try FileManager.default.removeItem(atPath: path)
    try Data(item).write(to: URL(filePath: "\(training.path)/\(TrainingCheckpoint.iteration)/common.distcp"))
    try training.edit { _, objects, files in
      objects.append(
        DistObject(key: DistCheckpoint.commonStateKey, file: files.count, offset: 0, length: UInt64(item.count)))
      files.append("common.distcp")
    }
  }

  @Test(arguments: [false, true]) func entriesThatAreNoDataAreLeftOutByName(asItem: Bool) throws {
    let scratch = try Scratch()
    let training = try CommonStateCodeTests.training(asItem: asItem, in: scratch)
    try Host.convert(CommonStateCodeTests.command + [training.path, scratch("out")])
    #expect(try Payload.files(in: scratch("out")) == [])
    let left = try omissions(scratch("out"))
    for name in ["hook", "deep", "an entry whose key is no text", "args.callback"] {
      #expect(left["common.pt: \(name)"]?.contains("posix.system") == true, "\(name): \(left)")
    }
    let common = try #require(try DistCheckpoint.open(scratch("out")).commonState())
    #expect(common["args"]?["num_layers"]?.intValue == 8, "what is data goes along")
    #expect(common["opt_param_scheduler"]?["num_steps"]?.intValue == 88 && common["optimizer"] != nil)
    let plan = try Host.run(["plan"] + CommonStateCodeTests.command + [training.path])
    #expect(plan.output.contains("common.pt: hook"), "\(plan.output)")
  }

  @Test func aCommonStateWithoutAnIterationIsRefused() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.dense, Detour.single, in: scratch)
    try editTorchFile("\(training.path)/\(TrainingCheckpoint.iteration)/common.pt", root: "common") { entries in
      entries.removeAll { $0.key == .string("iteration") }
      entries.append(PicklePair(.string("iteration"), .string("a word")))
    }
    let names = scratch.names
    let refused = try Host.run(["convert"] + CommonStateCodeTests.command + [training.path, scratch("out")])
    #expect(refused.code == 3 && refused.errors.contains("no iteration that can be read"), "\(refused.errors)")
    #expect(refused.errors.contains("--weights-only") && scratch.names == names)
    let weights = CommonStateCodeTests.command + ["--weights-only", training.path, scratch("out")]
    try Host.convert(weights)
    let common = try #require(try DistCheckpoint.open(scratch("out")).commonState())
    #expect(common["iteration"]?.intValue == 123 && common["args"] == nil)
    #expect(try omissions(scratch("out"))["common.pt"]?.contains("no iteration") == true)
  }

  /// Without its groups a trainer can not go on with an optimizer, so none of it goes along.
  @Test func anOptimizerWhoseGroupsAreNoDataIsLeftBehind() throws {
    let scratch = try Scratch()
    let training = try TrainingCheckpoint(Fixtures.dense, Detour.single, in: scratch)
    try editTorchFile("\(training.path)/\(TrainingCheckpoint.iteration)/common.pt", root: "common") { entries in
      entries.removeAll { $0.key == .string("optimizer") }
      entries.append(PicklePair(.string("optimizer"), .record(["param_groups": .list([Payload.call])])))
    }
    try Host.convert(CommonStateCodeTests.command + [training.path, scratch("out")])
    #expect(try Payload.files(in: scratch("out")) == [])
    let left = try omissions(scratch("out")).filter { $0.value.contains("posix.system") }
    #expect(left.keys.contains { $0.hasPrefix("optimizer.state.exp_avg.") } && left["common.pt: optimizer"] != nil)
    let checkpoint = try DistCheckpoint.open(scratch("out"))
    #expect(!checkpoint.tensors.contains { $0.key.contains("optimizer.") })
    #expect(try checkpoint.commonState()?["args"]?["no_save_optim"]?.boolValue == true)
  }

  @Test func aTrainStateThatIsNoDataIsWrittenAnew() throws {
    let scratch = try Scratch()
    try Host.convert(CommonStateCodeTests.command + [Fixtures.dense, scratch("source")])
    let path = scratch("source") + "/iter_0000000/train_state.pt"
    let clean = try Data(contentsOf: URL(filePath: path))
    try editTorchFile(path, root: "train_state") { $0.append(PicklePair(.string("hook"), Payload.call)) }
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", "--pp", "2", "--ignore-report", scratch("source"), scratch("out")])
    #expect(try Payload.files(in: scratch("out")) == [])
    #expect(try omissions(scratch("out"))["train_state.pt"]?.contains("posix.system") == true)
    for name in ["iter_0000000/train_state.pt", "latest_train_state.pt"] {
      #expect(try Data(contentsOf: URL(filePath: scratch("out") + "/" + name)) == clean)
    }
  }

  /// A second archive behind the first, and members that nobody asked for, are not what was read.
  @Test func nothingButWhatWasReadOfATrainStateTravels() throws {
    let scratch = try Scratch()
    try Host.convert(CommonStateCodeTests.command + [Fixtures.dense, scratch("source")])
    let path = scratch("source") + "/iter_0000000/train_state.pt"
    let clean = try Data(contentsOf: URL(filePath: path))
    let source = try PosixByteSource(path: path)
    let object = try TorchObject(file: source)
    let storages = try object.storages(in: source) + [Payload.pickle]
    try Data(TorchZipItem.object(object.value, storages: storages, root: "train_state")).write(to: URL(filePath: path))
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", "--pp", "2", "--ignore-report", scratch("source"), scratch("out")])
    #expect(clean.count > 0)
    let written = try TorchObject(file: try PosixByteSource(path: scratch("out") + "/iter_0000000/train_state.pt"))
    #expect(written.value == object.value)
  }

  @Test func argumentsOfALegacyCheckpointGoAlongAsFarAsTheyAreData() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "ranks", "--tp", "1", Fixtures.dense, scratch("ranks")])
    try LegacyFolder(ranks: scratch("ranks")).write(to: scratch("legacy"))
    try editTorchFile(scratch("legacy") + "/iter_0000010/mp_rank_00/model_optim_rng.pt", root: "model_optim_rng") {
      try setAttribute("callback", of: "args", Payload.call, in: &$0)
    }
    try Host.convert(CommonStateCodeTests.command + ["--hf-config", Fixtures.dense, scratch("legacy"), scratch("out")])
    #expect(try Payload.files(in: scratch("out")) == [])
    #expect(try omissions(scratch("out"))["common.pt: args.callback"]?.contains("posix.system") == true)
    #expect(try DistCheckpoint.open(scratch("out")).commonState()?["args"]?["expert_tensor_parallel_size"] != nil)
  }

  /// What an optimizer tells under Megatron-FSDP lies in many small items: one that is no data costs the optimizer, one of
  /// the scheduler only itself.
  @Test(arguments: [true, false]) func entriesOfMegatronFSDPThatAreNoDataDoNotTravel(ofOptimizer: Bool) throws {
    let scratch = try Scratch()
    let training = try FSDPTraining(Fixtures.dense, ["--to", "fsdp_dtensor", "--fsdp", "2"], in: scratch)
    let key = try #require(
      training.small.keys.sorted().first {
        $0.hasPrefix(ofOptimizer ? "optimizer.param_to_group_meta." : "opt_param_scheduler.")
      })
    try replaceItem(key, in: training.path)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "fsdp_dtensor", "--fsdp", "4", training.path, scratch("out")])
    #expect(try Payload.files(in: scratch("out")) == [])
    let left = try omissions(scratch("out"))
    #expect(left[key]?.contains("posix.system") == true, "\(left)")
    let keepsOptimizer = try DistCheckpoint.open(scratch("out")).tensors.contains { $0.key.hasSuffix(".exp_avg") }
    #expect(keepsOptimizer != ofOptimizer)
  }

  /// Puts the call in place of an entry.
  private func replaceItem(_ key: String, in path: String) throws {
    let checkpoint = try DistCheckpoint.open(path)
    var (objects, files) = (checkpoint.objects, checkpoint.files.map(\.name))
    let index = try #require(objects.firstIndex { $0.key == key })
    objects[index] = DistObject(key: key, file: files.count, offset: 0, length: UInt64(Payload.archive.count))
    files.append("payload.distcp")
    try Data(Payload.archive).write(to: URL(filePath: "\(checkpoint.path)/payload.distcp"))
    let metadata = try DistMetadataEncoder.encode(tensors: checkpoint.tensors, objects: objects, fileNames: files)
    try Data(metadata).write(to: URL(filePath: "\(checkpoint.path)/.metadata"))
  }
}
