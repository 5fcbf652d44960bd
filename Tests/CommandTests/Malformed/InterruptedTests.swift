import Foundation
import Testing

/// A conversion that is stopped half-way leaves its source, and the work that the same command goes on with.
@Suite struct InterruptedTests {
  @Test(arguments: [(SIGINT, Int32(130), "SIGINT"), (SIGTERM, 143, "SIGTERM"), (SIGHUP, 129, "SIGHUP")])
  func thereIsNoOutputAndTheSameCommandMakesIt(signal: Int32, code: Int32, name: String) throws {
    let scratch = try Scratch()
    let rows = 2_000_000
    var folder = try EditableFolder(Fixtures.dense)
    let large = ["lm_head.weight", "model.language_model.embed_tokens.weight"]
    large.forEach { folder.remove($0) }
    folder.zeros = ("model-large.safetensors", large.map { ($0, [rows, 48]) })
    try folder.write(to: scratch("model"))
    try editJSON(scratch("model/config.json")) { config in
      var text = config["text_config"] as? [String: Any]
      text?["vocab_size"] = rows
      config["text_config"] = text
    }
    let command = [
      "convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", "--jobs", "1", scratch("model"), scratch("out"),
    ]
    let (process, pipes) = Host.process(command)
    try process.run()
    try waitForWeights(in: scratch)
    kill(process.processIdentifier, signal)
    let outcome = Host.finish(process, pipes)
    Refusal.judge(outcome, code: code, words: [name])
    let isKept = outcome.errors.contains("the same command again goes on from there")
    #expect(scratch.names == (isKept ? [".out.mimo-host-work", "model"] : ["model"]))
    #expect(try Host.run(command).code == 0)
    #expect(scratch.names == ["model", "out"])
  }

  /// Until the work folder holds a file of weights, so that the signal comes in the midst of the moves.
  private func waitForWeights(in scratch: Scratch) throws {
    for _ in 0..<20_000 {
      if let work = scratch.names.first(where: { $0.hasPrefix(".out") }) {
        if FileManager.default.fileExists(atPath: scratch("\(work)/out/iter_0000000/__0_0.distcp")) { return }
      }
      usleep(1000)
    }
    Issue.record("no work folder appeared")
  }
}
