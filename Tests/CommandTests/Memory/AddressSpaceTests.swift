import Foundation
import Testing

/// Every command under every bound of its addresses ends in what was asked for or in one line, and never in a crash.
@Suite struct AddressSpaceTests {
  /// `ulimit -v`: from less than the program takes by itself to more than enough.
  private static let kibibytes = [90, 130, 180, 260, 500].map { $0 * 1000 }

  private static let wide = Model.configs.appending(path: "Qwen3-30B-A3B.json").path

  /// What is run, and what it makes.
  private static func commands(_ folder: Scratch, _ hf: String, _ out: String) -> [[String]] {
    [
      ["plan", "--plugin", "Qwen3VL", "--to", "megatron", hf],
      ["plan", "--plugin", "Qwen3MoE", "--to", "fsdp_dtensor", "--fsdp", "1024", wide],
      ["plan", "--plugin", "Qwen3MoE", "--to", "ranks", "--ep", "8", "--world-size", "64", wide],
      ["convert", "-q", "--jobs", "8", "--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", hf, out],
      ["inspect", hf], ["verify", "-q", "--jobs", "8", "--plugin", "Qwen3VL", hf, hf],
      ["synth", "-q", "--plugin", "Qwen3VL", "--config", Model.configs.appending(path: "qwen3_vl.json").path, out],
    ]
  }

  @Test func anyBoundEndsInSuccessOrOneLine() throws {
    let folder = try Scratch()
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    var ended: Set<Int32> = []
    for bound in Self.kibibytes {
      for arguments in Self.commands(folder, hf, folder("out")) {
        let outcome = try Host.run(arguments, shell: "ulimit -v \(bound)")
        let what: Comment = "\(arguments.joined(separator: " ")) in \(bound) KiB: \(outcome.errors)"
        #expect(!outcome.wasKilled && [0, 5, 6].contains(outcome.code), what)
        let lines = outcome.errors.split(separator: "\n")
        if outcome.code != 0 {
          #expect(lines.count == 1 && lines.first?.hasPrefix("mimo-host: error: ") == true, what)
          #expect(folder.names.isEmpty, what)
        }
        if outcome.code == 6 { #expect(outcome.errors.contains("ulimit -v"), what) }
        ended.insert(outcome.code)
        try? FileManager.default.removeItem(atPath: folder("out"))
      }
    }
    #expect(ended.isSuperset(of: [0, 6]))
  }

  @Test func buffersThatTheAddressesDoNotHoldAreRefusedBeforeAnythingIsMade() throws {
    let folder = try Scratch()
    let model = try Model("qwen3_vl_300mb")
    let hf = try model.synth()
    let outcome = try Host.run(
      ["convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", "--memory", "8G", "--jobs", "64", hf, folder("out")],
      shell: "ulimit -v 1000000")
    #expect(outcome.code == 6 && outcome.errors.contains("ulimit -v leaves"), "\(outcome.errors)")
    #expect(folder.names.isEmpty)
  }
}
