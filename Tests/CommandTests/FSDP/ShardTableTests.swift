import Foundation
import Testing

/// A table that says other than the layout.
struct BadTable: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var words: [String]
  var code: Int32
  var damage: @Sendable (inout [[String: Any]]) -> Void

  init(_ description: String, _ words: String..., code: Int32 = 4, damage: @escaping @Sendable (inout [[String: Any]]) -> Void) {
    testDescription = description
    self.words = words
    self.code = code
    self.damage = damage
  }

  private static let norm = "model.module.language_model.decoder.layers.3.self_attention.q_layernorm.weight"
  private static let gate = "model.module.language_model.decoder.layers.0.mlp.linear_fc1.weight_w"

  private static func change(
    _ shards: inout [[String: Any]], _ name: String, rank: Int, _ body: (inout [String: Any]) -> Void
  ) {
    guard let index = shards.firstIndex(where: { $0["name"] as? String == name && $0["rank"] as? Int == rank }) else { return }
    body(&shards[index])
  }

  static let all = [
    BadTable("another model's global shape", norm, "rank 2", "[16]", "[32]") { shards in
      change(&shards, norm, rank: 2) { $0 = $0.merging(["global_shape": [16], "local_shape": [0], "offset": [0]]) { $1 } }
    },
    BadTable("a row too many", gate, "rank 2", "[37, 48] at [0, 0]", "[36, 48] at [0, 0]") { shards in
      change(&shards, gate, rank: 2) { $0["local_shape"] = [37, 48] }
    },
    BadTable("half of the columns", gate, "rank 2", "[36, 24]") { shards in
      change(&shards, gate, rank: 2) { $0["local_shape"] = [36, 24] }
    },
    BadTable("rows of another tensor parallel rank", gate, "rank 2", "[36, 48] at [36, 0]", "[36, 48] at [0, 0]") { shards in
      change(&shards, gate, rank: 2) { $0["offset"] = [36, 0] }
    },
    BadTable("rows that no rank has", gate, "36 of the 36 rows") { shards in
      for rank in [2, 3] { change(&shards, gate, rank: rank) { $0["local_shape"] = [0, 48] } }
    },
    BadTable("a rank that is not there", norm, "rank 6", "nothing by the layout") { shards in
      change(&shards, norm, rank: 0) { $0 = $0.merging(["rank": 6, "local_shape": [32], "offset": [0]]) { $1 } }
    },
    BadTable("a rank that is not there, with nothing", norm, "has rank 6", "ranks 0 to 5") { shards in
      shards.append(["name": norm, "rank": 6, "global_shape": [32], "local_shape": [0], "offset": [0]])
    },
    BadTable("a rank below 0, with nothing", norm, "rank -1") { shards in
      shards.append(["name": norm, "rank": -1, "global_shape": [32], "local_shape": [0], "offset": [0]])
    },
    BadTable("a shard twice", norm, "rank 0", "twice", code: 3) { shards in
      if let again = shards.first(where: { $0["name"] as? String == norm }) { shards.append(again) }
    },
    BadTable("a parameter that is missing", gate, "no shards of it") { shards in
      shards.removeAll { $0["name"] as? String == gate }
    },
    BadTable("a parameter that is unknown", "lm_head.weight", "no such parameter") { shards in
      shards.append(["name": "lm_head.weight", "rank": 0, "global_shape": [4], "local_shape": [4], "offset": [0]])
    },
    BadTable("a shard outside of its parameter", norm, "no part of", code: 3) { shards in
      change(&shards, norm, rank: 0) { $0["offset"] = [33] }
    },
    BadTable("a shape that is none", norm, "local_shape", code: 3) { shards in
      change(&shards, norm, rank: 0) { $0["local_shape"] = "all" }
    },
    BadTable("a shard without a rank", norm, "name or rank", code: 3) { shards in
      change(&shards, norm, rank: 0) { $0["rank"] = nil }
    },
  ]
}

@Suite struct ShardTableTests {
  private static let layout = ["--plugin", "Qwen3VL", "--fsdp", "3", "--tp", "2"]

  /// The table of a command, as a document.
  static func table(_ layout: [String], _ source: String) throws -> [[String: Any]] {
    let outcome = try Host.run(["shards", "--json"] + layout + [source])
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    #expect(outcome.code == 0 && document?["schema"] as? Int == 1, "\(outcome.errors)")
    return try #require(document?["shards"] as? [[String: Any]])
  }

  /// What a job exports is what the layout says: the same bytes.
  @Test(arguments: FSDPCase.fixtures) func aTableOfTheSameLayoutChangesNothing(_ fsdp: FSDPCase) throws {
    let scratch = try Scratch()
    let layout = ["--plugin", fsdp.plugin] + fsdp.layout.split(separator: " ").map(String.init)
    try writeJSON(["shards": try ShardTableTests.table(layout, fsdp.source)], to: scratch("table.json"))
    try Host.convert(fsdp.command() + [scratch("plain")])
    try Host.convert(["--shard-table", scratch("table.json")] + fsdp.command() + [scratch("told")])
    for name in try FileManager.default.contentsOfDirectory(atPath: scratch("plain/iter_0000000")) where name != "run_config.yaml" {
      #expect(FileManager.default.contentsEqual(atPath: scratch("plain/iter_0000000/\(name)"), andPath: scratch("told/iter_0000000/\(name)")))
    }
  }

  /// A job with other buckets cuts elsewhere: here every rank has as even a share of each parameter as rows allow.
  @Test func aTableDecidesWhereRowsAreCut() throws {
    let scratch = try Scratch()
    var shards = try ShardTableTests.table(ShardTableTests.layout, Fixtures.dense)
    var parts: [String: [Int: [Int]]] = [:]
    for shard in shards {
      guard let name = shard["name"] as? String, let rank = shard["rank"] as? Int, let shape = shard["local_shape"] as? [Int],
        let offset = shard["offset"] as? [Int]
      else { continue }
      parts[name, default: [:]][rank] = [shape[0], offset[0]]
    }
    for index in shards.indices {
      let name = try #require(shards[index]["name"] as? String)
      let rank = try #require(shards[index]["rank"] as? Int)
      let ranks = [0, 2, 4].map { $0 + rank % 2 }
      let rows = ranks.compactMap { parts[name]?[$0]?[0] }.reduce(0, +)
      let start = ranks.compactMap { parts[name]?[$0]?[1] }.min() ?? 0
      let bounds = (0...3).map { start + $0 * rows / 3 }
      var (shape, offset) = (shards[index]["local_shape"] as? [Int] ?? [], shards[index]["offset"] as? [Int] ?? [])
      (shape[0], offset[0]) = (bounds[rank / 2 + 1] - bounds[rank / 2], bounds[rank / 2])
      shards[index]["local_shape"] = shape
      shards[index]["offset"] = offset
      // A job's state dict has the names without what DCP puts before them.
      shards[index]["name"] = String(name.dropFirst("model.".count))
    }
    try writeJSON(["schema": 1, "shards": shards], to: scratch("table.json"))
    let command = ["--shard-table", scratch("table.json"), "--to", "fsdp_dtensor"] + ShardTableTests.layout + [Fixtures.dense]
    try RoundTrip(command, plugin: "Qwen3VL", source: Fixtures.dense, in: scratch).check()
    let stored = try TensorFact.distributed(scratch("there"))
    let embedding = try #require(stored["model.module.language_model.embedding.word_embeddings.weight"])
    guard case .bytes(let boxes) = embedding.boxes else { return }
    #expect(
      String(decoding: boxes, as: UTF8.self)
        == "[0, 0] [41, 48];[125, 0] [41, 48];[166, 0] [42, 48];[208, 0] [42, 48];[41, 0] [42, 48];[83, 0] [42, 48]")
  }

  @Test(arguments: BadTable.all) func aTableThatSaysOtherwiseIsRefused(_ bad: BadTable) throws {
    let scratch = try Scratch()
    var shards = try ShardTableTests.table(ShardTableTests.layout, Fixtures.dense)
    bad.damage(&shards)
    try writeJSON(["schema": 1, "shards": shards], to: scratch("table.json"))
    try Refusal.expect(
      ["--shard-table", scratch("table.json"), "--to", "fsdp_dtensor"] + ShardTableTests.layout + [Fixtures.dense, scratch("out")],
      in: scratch, code: bad.code, words: bad.words + [scratch("table.json")])
  }

  /// Layouts whose shards are not cut into rows are only checked.
  @Test(arguments: [("--tp 2 --pp 2", "--tp 1 --pp 2", "megatron"), ("--tp 2 --pp 2", "--tp 2 --pp 1", "ranks")])
  func otherLayoutsAreHeldAgainstTheTable(right: String, wrong: String, format: String) throws {
    let scratch = try Scratch()
    func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
    let shards = try ShardTableTests.table(["--plugin", "Qwen3VL"] + words(right), Fixtures.dense)
    try writeJSON(["shards": shards], to: scratch("table.json"))
    let command = ["--plugin", "Qwen3VL", "--to", format, "--shard-table", scratch("table.json")]
    try Refusal.expect(
      command + words(wrong) + [Fixtures.dense, scratch("out")], in: scratch, code: 4, words: ["rank ", "by the table", "by the layout"])
    try Host.convert(command + words(right) + [Fixtures.dense, scratch("out")])
  }

  /// Rows of all ranks are those of the parameter, in every layout: replicas once.
  @Test(arguments: ["--tp 2 --pp 2", "--fsdp 3 --tp 2", "--fsdp 40", "--tp 4 --pad-vocab"])
  func theShardsOfAParameterAddUp(_ layout: String) throws {
    let words = ["--plugin", "Qwen3VL"] + layout.split(separator: " ").map(String.init)
    var elements: [String: Int] = [:]
    var whole: [String: Int] = [:]
    var seen: Set<String> = []
    for shard in try ShardTableTests.table(words, Fixtures.dense) {
      let name = try #require(shard["name"] as? String)
      let (shape, offset) = (shard["local_shape"] as? [Int] ?? [], shard["offset"] as? [Int] ?? [])
      whole[name] = (shard["global_shape"] as? [Int] ?? []).reduce(1, *)
      if seen.insert("\(name) \(offset) \(shape)").inserted { elements[name, default: 0] += shape.reduce(1, *) }
    }
    #expect(!whole.isEmpty && elements == whole)
  }

  @Test func oneRankIsOneRanksLines() throws {
    let all = try Host.run(["shards", "--tsv"] + ShardTableTests.layout + [Fixtures.dense]).output.split(separator: "\n")
    let one = try Host.run(["shards", "--tsv", "--rank", "4"] + ShardTableTests.layout + [Fixtures.dense]).output.split(separator: "\n")
    #expect(one == [all[0]] + all.dropFirst().filter { $0.split(separator: "\t", omittingEmptySubsequences: false)[1] == "4" })
    let outcome = try Host.run(["shards", "--rank", "6"] + ShardTableTests.layout + [Fixtures.dense])
    #expect(outcome.code == 4 && outcome.errors.contains("there is no rank 6"))
  }

  /// Groups are cut where there are more ranks than groups: Megatron gathers them at run time.
  @Test func keyValueGroupsAreSharedByMoreRanks() throws {
    let shards = try ShardTableTests.table(["--plugin", "Qwen3VL", "--tp", "4", "--pad-vocab"], Fixtures.dense)
    let name = "language_model.decoder.layers.3.self_attention.linear_qkv.weight"
    let rows = shards.filter { $0["name"] as? String == name }.map { [$0["offset"], $0["local_shape"]].map { ($0 as? [Int])?[0] } }
    #expect(rows == [[0, 96], [96, 96], [192, 96], [288, 96]])
  }
}
