import Foundation
import Testing

/// --memory bounds buffers, --memory-total buffers and plan.
@Suite struct MemoryOptionTests {
  private static let layout = ["--plugin", "Qwen3VL", "--to", "megatron"]

  @Test(arguments: [("convert", 384), ("plan", 384), ("synth", 384), ("verify", 896)])
  func lessThanTheLeastIsRefusedWithTheLeast(_ command: String, _ least: Int) throws {
    let folder = try Scratch()
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let arguments =
      switch command {
      case "synth": ["synth", "--plugin", "Qwen3VL", "--config", model.config, folder("out")]
      case "verify": ["verify", "--plugin", "Qwen3VL", hf, hf]
      default: [command] + Self.layout + [hf, folder("out")]
      }
    for memory in ["1", "\((least << 10) - 1)"] {
      let refused = try Host.run(arguments + ["--memory", memory])
      #expect(refused.code == 2 && refused.errors.contains("--memory \(least)K"), "\(refused.errors)")
      #expect(folder.names.isEmpty)
    }
    // The least works, with as many workers as it has room for.
    let done = try Host.run(arguments + ["--memory", "\(least)K", "--jobs", "1000000"])
    #expect(done.code == 0, "\(done.errors)")
  }

  @Test func aPlanAndBuffersBeyondMemoryTotalAreRefusedWithBothNumbers() throws {
    let folder = try Scratch()
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let ledger = try model.json(["plan", "--json"] + Self.layout + [hf])
    let plan = try #require(ledger["plan_memory_bytes"] as? Int)
    let buffers = try #require(ledger["buffer_memory_bytes"] as? Int)
    #expect(ledger["peak_memory_bytes"] as? Int == plan + buffers)
    for command in ["plan", "convert"] {
      let refused = try Host.run([command, "--memory-total", "1M"] + Self.layout + [hf, folder("out")])
      #expect(refused.code == 2, "\(refused.errors)")
      for part in ["the plan takes about", "and buffers", "--memory-total allows 1 MiB"] {
        #expect(refused.errors.contains(part), "\(refused.errors)")
      }
      #expect(folder.names.isEmpty)
      // Another run may need a little more than the one that was planned.
      let enough = "\(2 * (plan + buffers))"
      let done = try Host.run([command, "--memory-total", enough] + Self.layout + [hf, folder("out")])
      #expect(done.code == 0, "\(done.errors)")
    }
  }

  @Test(
    arguments: [
      ["--fsdp", "16777216", "--memory-total", "2G"], ["--tp", "16777216"], ["--pp", "5000"], ["--world-size", "16777217"],
      ["--memory", "9e18"], ["--memory", "99999999999G"], ["--memory-total", "1"], ["--jobs", "99999999"],
    ])
  func numbersBeyondReasonEndInOneLine(_ options: [String]) throws {
    let wide = Model.configs.appending(path: "Qwen3-30B-A3B.json").path
    let format = options[0] == "--fsdp" ? "fsdp_dtensor" : "megatron"
    let refused = try Host.run(["plan", "--plugin", "Qwen3MoE", "--to", format] + options + [wide])
    #expect([2, 4].contains(refused.code) && !refused.wasKilled, "\(refused.errors)")
    #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
  }
}
