import Foundation
import Testing

@Suite struct PlanTests {
  private static let layout = [
    "--to", "mimo", "--component", "language=tp=2,pp=2,dp=1", "--component", "images=tp=1",
  ]

  @Test func aConfigAloneIsPlannedLikeItsCheckpoint() throws {
    let model = try Model("qwen3_5_vl_moe")
    let plan = ["plan", "--plugin", "Qwen3VL", "--json"] + PlanTests.layout
    let alone = try model.json(plan + [model.config])
    let whole = try model.json(plan + [try model.synth()])
    for key in ["sources", "targets", "ranks", "files", "dtype_changes", "kernels"] {
      #expect(try sorted(alone[key]) == sorted(whole[key]), "\(key)")
    }
    let drops = try #require(whole["drops"] as? [[String: Any]])
    #expect(drops.count == 29)
    #expect(drops.allSatisfy { ($0["reason"] as? String)?.contains("MIMO") == true })
  }

  private func sorted(_ value: Any?) throws -> Data {
    try JSONSerialization.data(withJSONObject: try #require(value), options: .sortedKeys)
  }

  @Test func thePlannedFilesAreThoseThatAreWritten() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let ledger = try model.json(["plan", "--plugin", "Qwen3VL", "--json"] + PlanTests.layout + [hf])
    let out = path(try model.run(["convert", "--plugin", "Qwen3VL", "--json"] + PlanTests.layout + [hf, model.path("out")]))
    for file in try #require(ledger["files"] as? [[String: Any]]) {
      let name = try #require(file["path"] as? String)
      #expect(try size("\(out)/iter_0000000/\(name)") == (file["bytes"] as? UInt64))
    }
  }

  private func path(_ json: String) -> String {
    let report = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    return (report?["output"] as? [String: Any])?["path"] as? String ?? ""
  }

  @Test func bytesOfRanksAreThoseOfTheirFiles() throws {
    let model = try Model("qwen3_vl_moe")
    let hf = try model.synth()
    let layout = ["--to", "ranks", "--tp", "2", "--pp", "2", "--ep", "2"]
    let ledger = try model.json(["plan", "--plugin", "Qwen3VL", "--json"] + layout + [hf])
    let out = try model.convert(hf, to: "ranks", "--to", "ranks", "--tp", "2", "--pp", "2", "--ep", "2")
    var planned: [Int: Int] = [:]
    for share in try #require(ledger["ranks"] as? [[String: Any]]) {
      let first = try #require(share["first_rank"] as? Int)
      let count = try #require(share["rank_count"] as? Int)
      for rank in first..<(first + count) { planned[rank, default: 0] += try #require(share["most_bytes"] as? Int) }
    }
    for (rank, bytes) in planned {
      let held = try model.json(["inspect", "--json", "\(out)/rank-000\(rank).safetensors"])
      let summary = try #require(held["summary"] as? [String: Any])
      #expect(summary["bytes"] as? Int == bytes, "rank \(rank)")
    }
  }

  @Test func anExportIsPlanned() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let megatron = try model.convert(hf, to: "megatron", "--to", "megatron", "--tp", "2")
    let ledger = try model.json(["plan", "--plugin", "Qwen3VL", "--json", "--to", "hf", megatron])
    let files = try #require(ledger["files"] as? [[String: Any]])
    #expect(files.count == 1)
    #expect(files[0]["bytes"] as? UInt64 == (try size(hf + "/model.safetensors")))
  }

  @Test func aModelOfATrillionParametersIsPlannedFromItsConfig() throws {
    let model = try Model("qwen3_5_moe_1t")
    let ledger = try model.json(
      ["plan", "--plugin", "Qwen3VL", "--json", "--to", "megatron", "--tp", "2", "--pp", "8", "--ep", "64", "--etp", "1",
        model.config])
    let sources = try #require(ledger["sources"] as? [String: Any])
    #expect(sources["parameters"] as? Int == 1_110_209_407_216)
    #expect((ledger["peak_memory_bytes"] as? Int ?? .max) < 1 << 30)
  }

  @Test func aFolderWithNothingInItIsRefused() throws {
    let model = try Model("qwen3_vl")
    let result = try Command(["plan", "--plugin", "Qwen3VL"] + PlanTests.layout + [Model.configs.path])
    #expect(result.status == 3)
    #expect(result.errors.contains("is no checkpoint that is known"))
    _ = model
  }
}
