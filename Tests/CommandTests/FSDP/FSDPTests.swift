import Foundation
import MimoContainers
import MimoTensor
import Testing

@Suite struct FSDPTests {
  @Test func thereAreFixtures() { #expect(FSDPCase.fixtures.count == 9) }

  @Test(arguments: FSDPCase.fixtures) func whatWeWriteComesBack(_ fsdp: FSDPCase) throws {
    try RoundTrip(fsdp.command(), plugin: fsdp.plugin, source: fsdp.source, in: try Scratch()).check()
  }

  @Test(arguments: FSDPCase.fixtures) func verifyFindsItTheSame(_ fsdp: FSDPCase) throws {
    let scratch = try Scratch()
    try Host.convert(fsdp.command() + [scratch("out")])
    for other in [[scratch("out")], [scratch("out"), fsdp.source]] {
      let outcome = try Host.run(["verify", "-q", "--plugin", fsdp.plugin] + other)
      #expect(outcome.code == 0, "\(outcome.errors)\(outcome.output)")
    }
  }

  /// Megatron-LM asks for the three objects before anything else; torch's planner for the paths; neither file of
  /// megatron-core may be there, or the folder is taken for a torch_dist one.
  @Test func whatStandsAroundTheWeightsIsMegatrons() throws {
    let scratch = try Scratch()
    let fsdp = try #require(FSDPCase.fixtures.first)
    try Host.convert(fsdp.command() + [scratch("out")])
    let folder = scratch("out/iter_0000000")
    let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    #expect(names == [".metadata", "__0_0.distcp", "run_config.yaml", "train_state.pt", "tokenizer"])
    let checkpoint = try DistCheckpoint.open(scratch("out"))
    #expect(checkpoint.kind == .plain)
    #expect(checkpoint.objects.map(\.key) == ["args", "iteration", "checkpoint_version"])
    let values = try checkpoint.objects.map { try checkpoint.read($0).value }
    #expect(values[0]["num_layers"]?.intValue == 8 && values[0]["hidden_size"]?.intValue == 48)
    #expect(values[1] == .int(0) && values[2] == .float(3))
    let config = String(decoding: try Data(contentsOf: URL(filePath: "\(folder)/run_config.yaml")), as: UTF8.self)
    #expect(config.contains("ckpt_format: fsdp_dtensor"))
    let metadata = try PickleReader.read(
      Array(try Data(contentsOf: URL(filePath: "\(folder)/.metadata"))), policy: .metadata, path: folder)
    let planner = try #require(try metadata.value(metadata.root, path: folder)["planner_data"])
    #expect(planner["args"] == .tuple([.string("args")]))
    let embedding = "module.language_model.embedding.word_embeddings.weight"
    #expect(planner["model.\(embedding)"] == .tuple([.string("model"), .string(embedding)]))
  }

  /// Each rank's file has that rank's rows, cut where nothing but the rank's share of the buffer says.
  @Test func aFileIsWhatARankHolds() throws {
    let scratch = try Scratch()
    let layout = ["--plugin", "Qwen3VL", "--fsdp", "3", "--tp", "2"]
    try Host.convert(layout + ["--to", "fsdp_dtensor", Fixtures.dense, scratch("out")])
    let checkpoint = try DistCheckpoint.open(scratch("out"))
    var stored: Set<String> = []
    for tensor in checkpoint.tensors {
      for chunk in tensor.chunks {
        stored.insert("\(tensor.key) \(checkpoint.files[chunk.file].name) \(chunk.region.offset) \(chunk.region.extent)")
      }
    }
    let outcome = try Host.run(["shards", "--json"] + layout + [Fixtures.dense])
    let shards = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])["shards"] as? [[String: Any]]
    var told: Set<String> = []
    var copies: [String: Int] = [:]
    for shard in try #require(shards) {
      let (offset, extent) = (shard["offset"] as? [Int] ?? [], shard["local_shape"] as? [Int] ?? [])
      guard !extent.contains(0), let name = shard["name"] as? String, let rank = shard["rank"] as? Int else { continue }
      // Of ranks that hold the same, the first writes it.
      let box = "\(name) \(offset)"
      guard rank <= copies[box] ?? rank else { continue }
      copies[box] = rank
      told.insert("\(name) __\(rank)_0.distcp \(offset) \(extent)")
    }
    #expect(stored == told)
  }

  @Test(arguments: ["fsdp_dtensor_2", "mini_fsdp"]) func otherPeoplesFilesAreRecognised(_ sample: String) throws {
    let folder = Host.package.deletingLastPathComponent().appending(path: "shared/samples/\(sample)").path
    guard FileManager.default.fileExists(atPath: folder) else { return }
    let outcome = try Host.run(["inspect", folder])
    #expect(outcome.code == 0 && outcome.output.contains("fsdp_dtensor"), "\(outcome.errors)")
    let checkpoint = try DistCheckpoint.open(folder)
    #expect(checkpoint.kind == .plain && !checkpoint.tensors.isEmpty)
  }
}

/// What Megatron-Bridge put into its module, for every family.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct FSDPGoldenTests {
  @Test func thereAreFamilies() { #expect(FSDPCase.golden.count == 22) }

  @Test(arguments: FSDPCase.golden) func whatWeWriteComesBack(_ fsdp: FSDPCase) throws {
    try RoundTrip(fsdp.command(), plugin: fsdp.plugin, source: fsdp.source, in: try Scratch()).check()
  }

  @Test(arguments: FSDPCase.golden) func theModulesTensorsAreTheReferences(_ fsdp: FSDPCase) throws {
    guard !fsdp.layout.contains("--pad-vocab") else { return }
    let scratch = try Scratch()
    try Host.convert(fsdp.command() + [scratch("out")])
    var expected = try TensorFact.safeTensors("\(fsdp.folder)/full.safetensors")
    let unwritten = FileManager.default.fileExists(atPath: "\(fsdp.folder)/unwritten_tp1.json")
    var made = try FSDPState(try TensorFact.distributed(scratch("out"))).whole
    for (name, fact) in made { made[name] = TensorFact(dtype: fact.dtype, shape: fact.shape, content: fact.content) }
    if unwritten { made = made.filter { expected[$0.key] != nil || !$0.key.contains(".mlp.experts.") } }
    for name in expected.keys where name.hasSuffix("._extra_state") { expected[name] = nil }
    expectEqual(made, expected, fsdp.testDescription)
  }

  /// The parameters of a module, in its own order: flat buffers are laid out by it.
  @Test(arguments: FSDPCase.golden) func parametersAreInTheOrderOfTheModule(_ fsdp: FSDPCase) throws {
    let text = try String(contentsOfFile: "\(fsdp.folder)/full_params.json", encoding: .utf8)
    let outcome = try Host.run(["shards", "--tsv", "--plugin", fsdp.plugin, "--tp", "1", fsdp.source])
    let names = outcome.output.split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "\t" }) }
      .filter { !$0.hasSuffix("expert_bias") }
    let places = names.map { text.range(of: "\"\($0)\":")?.lowerBound }
    #expect(!places.contains(nil) && !places.isEmpty)
    let found = places.compactMap { $0 }
    #expect(zip(found, found.dropFirst()).allSatisfy { $0 < $1 })
  }
}
