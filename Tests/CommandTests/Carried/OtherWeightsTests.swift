import Foundation
import Testing

@Suite struct OtherWeightsTests {
  /// A weight file of which the model has no tensor, in whatever reads its folder.
  @Test(arguments: [
    ["convert", "--to", "megatron", "SOURCE", "OUT"], ["plan", "--to", "megatron", "SOURCE", "OUT"],
    ["splice", "--from", "images=OTHER", "SOURCE", "OUT"], ["splice", "--to", "megatron", "--from", "images=OTHER", "SOURCE", "OUT"],
  ])
  func aFileOfNoTensorOfTheModelIsLeftOutByName(_ command: [String]) throws {
    let model = try Model("qwen3_vl")
    let other = try model.synth("other")
    let source = try model.synth()
    let head = Data(#"{"lora.a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#.utf8)
    let length = withUnsafeBytes(of: UInt64(head.count).littleEndian) { Data($0) }
    try (length + head + Data([1, 2])).write(to: URL(filePath: source + "/adapter.safetensors"))
    let places = ["SOURCE": source, "OTHER": other, "OUT": model.path("out")]
    let arguments = command.dropFirst().map { word in places.reduce(word) { $0.replacing($1.key, with: $1.value) } }
    let outcome = try Host.run([command[0], "--plugin", "Qwen3VL", "--ignore-report"] + arguments)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("adapter.safetensors"), "\(outcome.output)")
    #expect(outcome.output.contains("none of its tensors is of the model"), "\(outcome.output)")
    #expect(!FileManager.default.fileExists(atPath: model.path("out/adapter.safetensors")))
  }
}
