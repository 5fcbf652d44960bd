import Foundation
import Testing

/// A checkpoint of many ranks has more files than a process may have open.
@Suite struct FewDescriptorsTests {
  private static let few = "ulimit -n 64"

  @Test func aConversionOfMoreFilesThanMayBeOpenEndsInTheSame() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let plugin = ["--plugin", "Qwen3VL"]
    func convert(_ arguments: [String], _ shell: String?) throws {
      let run = try Host.run(["convert", "-q"] + plugin + arguments, shell: shell)
      try #require(run.code == 0, "\(arguments): \(run.errors)")
    }
    let wide = ["--to", "fsdp_dtensor", "--fsdp", "200"]
    try convert(wide + [hf, model.path("few")], FewDescriptorsTests.few)
    let items = try FileManager.default.contentsOfDirectory(atPath: model.path("few") + "/iter_0000000")
    #expect(items.count { $0.hasSuffix(".distcp") } > 64)
    try convert(["--to", "fsdp_dtensor", "--fsdp", "150", model.path("few"), model.path("moved")], FewDescriptorsTests.few)
    try convert(["--to", "hf", model.path("moved"), model.path("back")], FewDescriptorsTests.few)
    expectEqual(try TensorFact.folder(model.path("back")), try TensorFact.folder(hf), "there and back")
    let verified = try Host.run(["verify", "-q"] + plugin + [model.path("few"), model.path("moved")], shell: FewDescriptorsTests.few)
    #expect(verified.code == 0, "\(verified.errors)")
  }
}
