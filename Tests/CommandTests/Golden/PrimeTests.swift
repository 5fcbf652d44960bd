import Foundation
import Testing

/// What is special about prime-rl's layout; that its tensors are the reference's is among the golden tests.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct PrimeTests {
  static let all = ReferenceFolder.golden.primes
  static let laguna = all.first { $0.plugin == "Laguna" }

  @Test func everyFamilyThatPrimeTrainsIsHere() { #expect(PrimeTests.all.count >= 13) }

  /// The reference's own file, with nothing but the model's config beside it: the way back is as its own, losses too.
  @Test(arguments: all) func whatTheReferenceWroteComesBack(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let folder = try PrimeTests.alone(reference, in: scratch)
    try FileManager.default.copyItem(atPath: "\(reference.source)/config.json", toPath: "\(folder)/config.json")
    // Recognised by its names; the experts as the reference writes them.
    let storage = reference.plugin == "GPTOSS" ? [] : ["--expert-storage", "per-expert"]
    try Host.convert(["--plugin", reference.plugin, "--to", "hf"] + storage + [folder, scratch("back")])
    expectEqual(
      try TensorFact.folder(scratch("back")), try PrimeTests.reference(reference), reference.testDescription)
  }

  /// As prime-rl's trainer leaves it: no config of its own.
  @Test(arguments: all) func aFolderWithoutAConfigComesBack(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let folder = try PrimeTests.alone(reference, in: scratch)
    try Host.convert([
      "--plugin", reference.plugin, "--to", "hf", "--from", "prime", "--hf-config", reference.source, folder,
      scratch("back"),
    ])
    var expected = try TensorFact.folder(reference.source)
    let returned = try PrimeTests.reference(reference)
    for name in try PrimeTests.different(reference) { expected[name] = returned[name] }
    expectEqual(try TensorFact.folder(scratch("back")), expected, reference.testDescription)
  }

  @Test func aLossyKernelIsNamedInThePlanAndCountedInTheReport() throws {
    let reference = try #require(PrimeTests.all.first { $0.folder.hasSuffix("nemotron_h_moe") })
    let scratch = try Scratch()
    let plan = try Host.run(["plan", "--json"] + reference.command(to: scratch("out")))
    #expect(plan.output.contains("\"name\": \"subtract_minimum\"") && plan.output.contains("\"lossy\": true"))
    try Host.convert(reference.command(to: scratch("out")))
    let losses = try #require(try readJSON("\(scratch("out"))/conversion_report.json")["lossy"] as? [[String: Any]])
    #expect(losses.compactMap { $0["tensor"] as? String }.sorted() == (try PrimeTests.different(reference)).sorted())
    #expect(losses.allSatisfy { $0["kernel"] as? String == "subtract_minimum" && $0["elements"] as? Int == 4 })
  }

  @Test func shardsHaveTheUsualNamesAndAnIndex() throws {
    let reference = try #require(PrimeTests.laguna)
    let scratch = try Scratch()
    try Host.convert(["--max-shard-size", "100K"] + reference.command(to: scratch("out")))
    expectEqual(try reference.made(at: scratch("out")), try reference.expected(), "sharded")
    let map = try #require(try readJSON("\(scratch("out"))/model.safetensors.index.json")["weight_map"] as? [String: String])
    #expect(map.count == (try reference.expected()).count)
    #expect(Set(map.values).contains { $0.hasPrefix("model-00001-of-0") })
    try Host.convert(["--plugin", "Laguna", "--to", "hf", scratch("out"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(reference.source), "back")
  }

  /// Every tensor goes through in the trainer's dtype, the bias alone stays as published.
  @Test func anAskedDTypeIsWritten() throws {
    let reference = try #require(PrimeTests.all.first { $0.folder.hasSuffix("minimax_m2") })
    let scratch = try Scratch()
    try Host.convert(["--dtype", "float32"] + reference.command(to: scratch("out")))
    #expect(Set(try reference.made(at: scratch("out")).values.map(\.dtype)) == ["F32"])
    try Host.convert(["--plugin", reference.plugin, "--to", "hf", scratch("out"), scratch("back")])
    expectEqual(try TensorFact.folder(scratch("back")), try TensorFact.folder(reference.source), "back")
  }

  @Test(arguments: [
    ("model.layers.1.mlp.tokens_per_expert", 0), ("model.layers.1.mlp.surprise", 3),
  ]) func onlyBuffersThatAreKnownAreLeftBehind(name: String, code: Int32) throws {
    let reference = try #require(PrimeTests.laguna)
    let scratch = try Scratch()
    let folder = try PrimeTests.alone(reference, in: scratch)
    try SafeTensorsEdit.add(name, to: "\(folder)/model.safetensors")
    let outcome = try Host.run([
      "convert", "-q", "--plugin", "Laguna", "--to", "hf", "--from", "prime", "--hf-config", reference.source, folder,
      scratch("back"),
    ])
    #expect(outcome.code == code, "\(outcome.errors)")
    guard code == 0 else { return #expect(outcome.errors.contains(name)) }
    let notes = try readJSON("\(scratch("back"))/conversion_report.json")["notes"] as? [String]
    #expect(notes?.contains { $0.contains(name) } == true)
  }

  @Test(arguments: [
    (["--to", "megatron"], "is a folder in prime-rl's layout, from which --to megatron does not start"),
    (["--to", "prime"], "is a folder in prime-rl's layout, from which --to prime does not start"),
  ]) func aPrimeFolderOnlyGoesBack(arguments: [String], reason: String) throws {
    let reference = try #require(PrimeTests.laguna)
    let scratch = try Scratch()
    try Host.convert(reference.command(to: scratch("prime")))
    let outcome = try Host.run(["convert", "--plugin", "Laguna"] + arguments + [scratch("prime"), scratch("out")])
    #expect(outcome.code == 8 && outcome.errors.contains(reason), "\(outcome.errors)")
  }

  // MARK: - The reference's files

  /// A folder with the reference's prime file alone.
  private static func alone(_ reference: ReferenceCase, in scratch: Scratch) throws -> String {
    let folder = scratch("prime")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: reference.path, toPath: "\(folder)/model.safetensors")
    return folder
  }

  /// What the reference makes of its own prime file.
  private static func reference(_ reference: ReferenceCase) throws -> TensorFacts {
    let own = "\(reference.folder)/prime_to_hf.safetensors"
    guard FileManager.default.fileExists(atPath: own) else { return try TensorFact.folder(reference.source) }
    return try TensorFact.safeTensors(own)
  }

  private static func different(_ reference: ReferenceCase) throws -> [String] {
    try #require(try readJSON("\(reference.folder)/prime_report.json")["different"] as? [String])
  }
}

/// Changes of a safetensors file that no writer would make.
private enum SafeTensorsEdit {
  /// Appends a tensor of four floats.
  static func add(_ name: String, to path: String) throws {
    let data = try Data(contentsOf: URL(filePath: path))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try #require(try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any])
    let end = data.count - 8 - length
    header[name] = ["dtype": "F32", "shape": [4], "data_offsets": [end, end + 16]]
    let json = try JSONSerialization.data(withJSONObject: header)
    var edited = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
    edited.append(json)
    edited.append(data[(8 + length)...])
    edited.append(Data(count: 16))
    try edited.write(to: URL(filePath: path))
  }
}
