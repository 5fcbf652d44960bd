import MimoContainers
import MimoSystem
import MimoTensor
import Testing

@Suite struct SourceManifestTests {
  /// Opens the folder, sends its manifest through JSON, and compares all that it rebuilds with the files.
  private func checkRebuilds(_ path: String) throws -> SourceManifest {
    let manifest = SourceManifest(try HuggingFaceFolder.open(path))
    let read = try SourceManifest.decode(manifest.encoded(), path: "manifest.json")
    #expect(read == manifest)
    for file in read.files {
      let original = try FileSystem.readSmallFile(FileSystem.join(path, file.name), limit: 1 << 30)
      let (header, bytes) = try file.header()
      #expect(bytes == Array(original.prefix(bytes.count)), "\(file.name)")
      #expect(header.fileSize == UInt64(original.count))
    }
    let index = FileSystem.join(path, HuggingFaceIndex.fileName)
    #expect(read.indexBytes() == (try FileSystem.exists(index) ? FileSystem.readSmallFile(index) : nil))
    return read
  }

  @Test(
    .enabled(if: Golden.isPresent, "the golden checkpoints are not beside the package"), arguments: Golden.huggingFace)
  func goldenFoldersAreRebuilt(_ name: String) throws {
    let manifest = try checkRebuilds("\(Golden.folder)/\(name)/hf")
    #expect(manifest.companions.contains { $0.path == "tokenizer.json" })
    #expect(!manifest.companions.contains { $0.path.hasSuffix(".safetensors") })
  }

  /// Forms that other programs write, each kept as it is; the first two need no copy of the text.
  @Test(arguments: [
    (
      "{\n  \"metadata\": {\n    \"total_size\": 11\n  },\n  \"weight_map\": {\n    \"a\": \"1.safetensors\",\n    \"b\": \"1.safetensors\",\n    \"c\": \"2.safetensors\"\n  }\n}\n",
      false
    ),
    (
      "{\n  \"weight_map\": {\n    \"a\": \"1.safetensors\",\n    \"b\": \"1.safetensors\",\n    \"c\": \"2.safetensors\"\n  }\n}",
      false
    ),
    (#"{"weight_map":{"c":"2.safetensors","a":"1.safetensors","b":"1.safetensors"},"metadata":{}}"#, true),
  ])
  func everyFormOfIndexIsKept(_ text: String, _ isForeign: Bool) throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try scratch.write(text, to: HuggingFaceIndex.fileName)
    let manifest = try checkRebuilds(scratch.path)
    #expect((manifest.index == .foreign(text: text)) == isForeign)
  }

  @Test func aForeignHeadIsKept() throws {
    let scratch = try CheckpointScratch()
    try scratch.write("{}", to: "config.json")
    try scratch.writeSafeTensors(
      "{ \"b\": {\"shape\":[1],\"dtype\":\"U8\",\"data_offsets\":[1,2]},\n\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}\n  ",
      dataBytes: 2, to: "model.safetensors")
    let manifest = try checkRebuilds(scratch.path)
    #expect(manifest.files[0].tensors.map(\.name) == ["a", "b"])
    #expect(manifest.files[0].foreignSpelling != nil)
    #expect(manifest.index == nil)
  }

  @Test(arguments: [
    (#""schema_version": 1"#, #""schema_version": 2"#, "schema version 2"),
    (#""name": "1.safetensors""#, #""name": "../1.safetensors""#, "no path inside the folder"),
    (#""name": "1.safetensors""#, #""name": "x/1.safetensors""#, "no plain file name"),
    (#""path": "README.md""#, #""path": "/README.md""#, "no path inside the folder"),
    (#""path": "README.md""#, #""path": "a/../../b""#, "no path inside the folder"),
    (#""size": 7"#, #""size": -7"#, "no integer from 0 on"),
    (#""dtype": "F32""#, #""dtype": "F31""#, "unknown dtype"),
    (#""shape": [2]"#, #""shape": [9223372036854775807]"#, "no size in bytes"),
    (#""companions""#, #""companion""#, "companions is missing"),
    (#""text""#, #""texts""#, "order is missing"),
    (#""padding": 0"#, #""padding": 100000001"#, "padding is too large"),
  ])
  func aDamagedManifestIsRefused(_ original: String, _ damaged: String, _ reason: String) throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    let text = String(decoding: SourceManifest(try HuggingFaceFolder.open(scratch.path)).encoded(), as: UTF8.self)
    let parts = text.split(separator: original, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2, "\(text)")
    let bytes = Array((parts[0] + damaged + parts[1]).utf8)
    let error = refusal { () throws(MimoError) in _ = try SourceManifest.decode(bytes, path: "manifest.json") }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    #expect(error?.path == "manifest.json")
  }
}
