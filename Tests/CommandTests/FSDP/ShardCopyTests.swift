import Foundation
import Testing

/// What Megatron's last stage holds a second time: an embedding under its own name for a prediction layer, and as output
/// layer where it is tied. A job may export that or not, but nothing else.
@Suite struct ShardCopyTests {
  /// A model and its copy's name.
  private static let copies = [
    ("qwen3_vl_tied", "language_model.output_layer.weight"),
    ("qwen3_5_vl", "language_model.embedding.word_embeddings.weight"),
  ]
  private static let plugin = ["--plugin", "Qwen3VL"]

  /// A table with or without the copies, or with other ones, for a model on tp 2 and pp 2.
  private struct Tables {
    let scratch: Scratch
    let source: String
    let copy: String
    let full: [[String: Any]]
    private let model: Model

    init(_ name: String, copy: String) throws {
      scratch = try Scratch()
      model = try Model(name)
      self.copy = copy
      source = try model.synth()
      full = try ShardTableTests.table(plugin + ["--tp", "2", "--pp", "2"], source)
    }

    func isCopy(_ shard: [String: Any]) -> Bool { shard["name"] as? String == copy && shard["rank"] as? Int ?? 0 >= 2 }

    func convert(_ shards: [[String: Any]], pp: Int = 2) throws -> [String] {
      try writeJSON(["shards": shards], to: scratch("table.json"))
      let layout = ["--tp", "2", "--pp", "\(pp)", "--to", "ranks"]
      return plugin + layout + ["--shard-table", scratch("table.json"), source, scratch("out")]
    }

    /// The table with a field of the copy on rank 3 changed.
    func changed(_ key: String, _ value: Any) -> [[String: Any]] {
      full.map { isCopy($0) && $0["rank"] as? Int == 3 ? $0.merging([key: value]) { $1 } : $0 }
    }
  }

  @Test(arguments: copies) func aTableMayLeaveThemOut(_ model: String, _ copy: String) throws {
    let tables = try Tables(model, copy: copy)
    #expect(tables.full.filter(tables.isCopy).map { $0["offset"] as? [Int] } == [[0, 0], [125, 0]])
    for shards in [tables.full, tables.full.filter { !tables.isCopy($0) }] {
      try Host.convert(try tables.convert(shards))
      try FileManager.default.removeItem(atPath: tables.scratch("out"))
    }
  }

  @Test(arguments: copies) func aTableMayNotContradictThem(_ model: String, _ copy: String) throws {
    let tables = try Tables(model, copy: copy)
    let bad: [(shards: [[String: Any]], words: [String])] = [
      (tables.full.filter { !tables.isCopy($0) || $0["rank"] as? Int == 2 }, ["rank 3 holds nothing by the table"]),
      (tables.changed("offset", [0, 0]), ["rank 3 holds [125, 48] at [0, 0] by the table, [125, 48] at [125, 0]"]),
      (tables.changed("global_shape", [252, 48]), ["rank 3", "global shape [252, 48]"]),
      (tables.changed("rank", 9), ["rank 9 holds", "nothing by the layout"]),
    ]
    for (shards, words) in bad {
      try Refusal.expect(try tables.convert(shards), in: tables.scratch, code: 4, words: words + [copy])
    }
  }

  /// Where there is one stage, a tied model has no output layer of its own.
  @Test func oneStageHasNone() throws {
    let tables = try Tables("qwen3_vl_tied", copy: "language_model.output_layer.weight")
    let one = try ShardTableTests.table(ShardCopyTests.plugin + ["--tp", "2"], tables.source)
    #expect(!one.contains { $0["name"] as? String == tables.copy })
    let extra: [String: Any] = [
      "name": tables.copy, "rank": 0, "global_shape": [250, 48], "local_shape": [125, 48], "offset": [0, 0],
    ]
    try Refusal.expect(
      try tables.convert(one + [extra], pp: 1), in: tables.scratch, code: 4, words: [tables.copy, "no such parameter"])
  }
}
