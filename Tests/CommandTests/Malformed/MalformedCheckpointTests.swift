import Foundation
import MimoContainers
import MimoTensor
import Testing

/// A Megatron checkpoint with one thing wrong; `damage` gets the folder that `convert` made.
struct BadCheckpoint: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var format: String
  var words: [String]
  var code: Int32
  var damage: @Sendable (String) throws -> Void

  init(
    _ description: String, _ format: String = "megatron", _ words: String..., code: Int32 = 3,
    damage: @escaping @Sendable (String) throws -> Void
  ) {
    testDescription = description
    self.format = format
    self.words = words
    self.code = code
    self.damage = damage
  }

  private static let iteration = "iter_0000000"

  static let all: [BadCheckpoint] = [
    BadCheckpoint("a call of the system in .metadata", "megatron", ".metadata", "posix", "system") { path in
      let marker = path + "/../called"
      let pickle = Data("cposix\nsystem\n(S'touch \(marker)'\ntR.".utf8)
      try pickle.write(to: URL(filePath: "\(path)/\(iteration)/.metadata"))
    },
    BadCheckpoint("a call behind data in .metadata", "megatron", ".metadata", "builtins") { path in
      // PROTO 2, GLOBAL builtins.eval, one string, TUPLE1, REDUCE, STOP.
      var pickle = Data([0x80, 2]) + Data("cbuiltins\neval\n".utf8)
      pickle += Data([0x58, 1, 0, 0, 0]) + Data("1".utf8) + Data([0x85, 0x52, 0x2E])
      try pickle.write(to: URL(filePath: "\(path)/\(iteration)/.metadata"))
    },
    BadCheckpoint("an empty .metadata", "megatron", ".metadata") { path in
      try Data().write(to: URL(filePath: "\(path)/\(iteration)/.metadata"))
    },
    BadCheckpoint("a .metadata that was cut short", "megatron", ".metadata") { path in
      try truncate("\(path)/\(iteration)/.metadata", by: 200)
    },
    BadCheckpoint("weights that were cut short", "megatron", "__0_0.distcp") { path in
      try truncate("\(path)/\(iteration)/__0_0.distcp", by: 5000)
    },
    BadCheckpoint("weights that are not there", "megatron", "__0_0.distcp", code: 6) { path in
      try FileManager.default.removeItem(atPath: "\(path)/\(iteration)/__0_0.distcp")
    },
    // Vocabularies lie in two chunks of 125 x 48 of 250 x 48. K is the pickle opcode of a one-byte number, 0x86 makes a pair.
    BadCheckpoint("chunks that overlap", "megatron", "embedding.word_embeddings.weight", "overlap") { path in
      try patch(path, [0x4B, 125, 0x4B, 0, 0x86], [0x4B, 124, 0x4B, 0, 0x86])
    },
    BadCheckpoint("a chunk beyond the tensor", "megatron", "embedding.word_embeddings.weight", "leaves the shape") { path in
      try patch(path, [0x4B, 125, 0x4B, 0, 0x86], [0x4B, 126, 0x4B, 0, 0x86])
    },
    BadCheckpoint("a row that no chunk holds", "megatron", "embedding.word_embeddings.weight", "12000 of 12048") { path in
      try patch(path, [0x4B, 250, 0x4B, 48, 0x86], [0x4B, 251, 0x4B, 48, 0x86])
    },
    BadCheckpoint("elements of another dtype", "megatron", ".distcp", "BF16", "F16") { path in
      try patch(path, Array("bfloat16\n".utf8), Array("float16\n".utf8))
    },
    BadCheckpoint("a tensor that is missing", "megatron", "language_model.output_layer.weight") { path in
      try edit(path) { tensors, _ in tensors.removeAll { $0.key == "language_model.output_layer.weight" } }
    },
    BadCheckpoint("a tensor of another shape", "megatron", "language_model.decoder.final_layernorm.weight") { path in
      try edit(path) { tensors, _ in
        guard let index = tensors.firstIndex(where: { $0.key == "language_model.decoder.final_layernorm.weight" }) else { return }
        tensors[index].shape = GlobalShape([2, 24])
        tensors[index].chunks[0].region = Region(offset: [0, 0], extent: [2, 24])
      }
    },
    BadCheckpoint("no half of a gated projection", "fsdp_dtensor", "layers.0.mlp.linear_fc1.weight") { path in
      try edit(path) { tensors, _ in tensors.removeAll { $0.key.hasSuffix("layers.0.mlp.linear_fc1.weight_v") } }
    },
    BadCheckpoint("a row that no rank holds", "fsdp_dtensor", "word_embeddings.weight", "12000 of 12048") { path in
      try patch(path, [0x4B, 250, 0x4B, 48, 0x86], [0x4B, 251, 0x4B, 48, 0x86])
    },
    BadCheckpoint("a metadata.json, which makes it another format", "fsdp_dtensor", "embedding.word_embeddings.weight") { path in
      let text = #"{"sharded_backend": "torch_dist", "sharded_backend_version": 1}"#
      try Data(text.utf8).write(to: URL(filePath: "\(path)/\(iteration)/metadata.json"))
    },
    BadCheckpoint("a key that the model has not", "fsdp_dtensor", "model.module.lm_head.weight") { path in
      let checkpoint = try DistCheckpoint.open(path)
      let (chunk, key) = try #require(checkpoint.tensors.first.map { ($0.chunks[0], $0.key) })
      let file = try FileHandle(forUpdating: URL(filePath: "\(checkpoint.path)/\(checkpoint.files[chunk.file].name)"))
      try file.seek(toOffset: chunk.offset)
      let item = try #require(try file.read(upToCount: Int(chunk.length)))
      let offset = try file.seekToEnd()
      try file.write(contentsOf: item)
      try file.close()
      try edit(path) { tensors, _ in
        guard let original = tensors.first(where: { $0.key == key }) else { return }
        tensors.append(
          DistTensor(
            key: "model.module.lm_head.weight", dtype: original.dtype, shape: GlobalShape(chunk.region.extent),
            chunks: [
              DistChunk(
                region: Region(whole: GlobalShape(chunk.region.extent)), file: chunk.file, offset: offset, length: chunk.length)
            ]))
      }
    },
    BadCheckpoint("no record of the model", "megatron", "--hf-config") { path in
      try FileManager.default.removeItem(atPath: "\(path)/mimo_host")
    },
    BadCheckpoint("a rank that is missing", "ranks", "rank-0001.safetensors", code: 6) { path in
      try FileManager.default.removeItem(atPath: "\(path)/rank-0001.safetensors")
    },
    BadCheckpoint("a rank that was cut short", "ranks", "rank-0001.safetensors") { path in
      try truncate("\(path)/rank-0001.safetensors", by: 1000)
    },
    BadCheckpoint("a layout that is no JSON", "ranks", "layout.json") { path in
      try Data("{".utf8).write(to: URL(filePath: "\(path)/layout.json"))
    },
  ]

  private static func truncate(_ path: String, by count: UInt64) throws {
    let handle = try FileHandle(forWritingTo: URL(filePath: path))
    try handle.truncate(atOffset: try handle.seekToEnd() - count)
    try handle.close()
  }

  /// Writes `.metadata` anew with other tensors.
  private static func edit(_ path: String, _ body: (inout [DistTensor], inout [DistObject]) throws -> Void) throws {
    let checkpoint = try DistCheckpoint.open(path)
    var (tensors, objects) = (checkpoint.tensors, checkpoint.objects)
    try body(&tensors, &objects)
    let bytes = try DistMetadataEncoder.encode(tensors: tensors, objects: objects, fileNames: checkpoint.files.map(\.name))
    try Data(bytes).write(to: URL(filePath: "\(path)/\(iteration)/.metadata"))
  }

  /// Replaces bytes of `.metadata` wherever they stand.
  private static func patch(_ path: String, _ old: [UInt8], _ new: [UInt8]) throws {
    let file = URL(filePath: "\(path)/\(iteration)/.metadata")
    let bytes = try Data(contentsOf: file)
    let patched = Data(Array(bytes).replacing(old, with: new))
    try #require(patched != bytes)
    try patched.write(to: file)
  }
}

@Suite struct MalformedCheckpointTests {
  @Test(arguments: BadCheckpoint.all) func isRefused(_ bad: BadCheckpoint) throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", bad.format, "--tp", "2", Fixtures.dense, scratch("model")])
    try disown(scratch("model"))
    try bad.damage(scratch("model"))
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", scratch("model"), scratch("out")], in: scratch, code: bad.code, words: bad.words)
  }

  @Test func aConfigOfAnotherModelIsRefused() throws {
    let scratch = try Scratch()
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("model")])
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "hf", "--hf-config", Fixtures.experts, scratch("model"), scratch("out")], in: scratch,
      code: 3, words: [scratch("model")])
  }
}
