import Glibc
import MimoContainers
import MimoSystem
import MimoTensor
import Synchronization
import Testing

@Suite struct HuggingFaceFolderTests {
  /// A checkpoint of two files (tensors a, b in 1, c in 2) with index, config and companions.
  static func write(_ scratch: borrowing CheckpointScratch) throws {
    try scratch.write(#"{"architectures": ["X"], "eps": 1e-06, "limit": Infinity}"#, to: "config.json")
    try scratch.writeSafeTensors(
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}"#,
      dataBytes: 9, to: "1.safetensors")
    try scratch.writeSafeTensors(
      #"{"c":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}"#, dataBytes: 2, to: "2.safetensors")
    try writeIndex(#"{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}"#, scratch)
    try scratch.write("x", to: "tokenizer/vocab.txt")
    try scratch.write("# model", to: "README.md")
    try scratch.write("", to: ".gitattributes")
    try scratch.write("", to: ".git/HEAD")
  }

  static func writeIndex(_ map: String, _ scratch: borrowing CheckpointScratch) throws {
    try scratch.write(#"{"metadata":{"total_size":11},"weight_map":"# + map + "}", to: HuggingFaceIndex.fileName)
  }

  private func open(_ path: String) -> MimoError? {
    refusal { () throws(MimoError) in _ = try HuggingFaceFolder.open(path) }
  }

  @Test func theInventoryIsTheUnionOfTheHeads() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(folder.tensors.map(\.name) == ["a", "b", "c"])
    #expect(folder.tensors.map(\.file) == [0, 0, 1])
    #expect(folder.files.map(\.name) == ["1.safetensors", "2.safetensors"])
    #expect(folder.files[0].size == (try FileSystem.info(at: scratch("1.safetensors")).size))
    #expect(folder.tensor("c")?.dtype == .bf16)
    #expect(folder.tensor("d") == nil)
    #expect(folder.totalTensorBytes == 11)
    #expect(folder.config["architectures.0"]?.string == "X")
    #expect(folder.config["limit"]?.double == .infinity)
    #expect(folder.index?.declaredTotalSize == 11)
    #expect(folder.companions.map(\.path) == ["README.md", "config.json", "tokenizer/vocab.txt"])
    #expect(folder.leftOut == [".git", ".gitattributes"])
  }

  @Test func linksToFilesAreReadAndLinksToFoldersAreNot() throws {
    let cache = try CheckpointScratch()
    try HuggingFaceFolderTests.write(cache)
    let scratch = try CheckpointScratch()
    for name in ["config.json", "1.safetensors", "2.safetensors", HuggingFaceIndex.fileName, "tokenizer"] {
      #expect(symlink(cache(name), scratch(name)) == 0)
    }
    #expect(open(scratch.path)?.description.contains("config.json: is a symbolic link to ") == true)
    let sources = SourceFolders([scratch.path], followLinks: true)
    defer { sources.letGo() }
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(folder.tensors.count == 3)
    #expect(folder.companions.map(\.path) == ["config.json"])
    #expect(folder.leftOut == ["tokenizer"])
    #expect(symlink(cache("gone"), scratch("broken")) == 0)
    let own = SourceFolders([scratch.path], followLinks: false)
    defer { own.letGo() }
    #expect(unlink(scratch("config.json")) == 0)
    try scratch.write("{}", to: "config.json")
    for name in ["1.safetensors", "2.safetensors", HuggingFaceIndex.fileName, "tokenizer"] { unlink(scratch(name)) }
    #expect(open(scratch.path)?.description.contains("broken: symbolic link leads nowhere") == true)
  }

  @Test(arguments: ["model.safetensors", "any-name.safetensors"]) func aSingleFileNeedsNoIndex(_ name: String) throws {
    let scratch = try CheckpointScratch()
    try scratch.write("{}", to: "config.json")
    try scratch.writeSafeTensors(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, dataBytes: 1, to: name)
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(folder.files.map(\.name) == [name])
    #expect(folder.index == nil)
  }

  @Test func severalFilesNeedNoIndexAndGetARightOne() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    #expect(unlink(scratch(HuggingFaceIndex.fileName)) == 0)
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(folder.tensors.map(\.name) == ["a", "b", "c"])
    let text = try #require(SourceManifest(folder).indexBytes())
    let made = try HuggingFaceIndex.parse(text, path: "made")
    #expect(made.declaredTotalSize == 11)
    #expect(made.entries.map(\.file) == ["1.safetensors", "1.safetensors", "2.safetensors"])
  }

  @Test func aFileThatTheIndexLacksIsOfTheModelByItsNames() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try HuggingFaceFolderTests.writeIndex(#"{"a":"1.safetensors","b":"1.safetensors"}"#, scratch)
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(try folder.settled { _ in true }.tensors.map(\.name) == ["a", "b", "c"])
    let text = try #require(SourceManifest(folder).indexBytes())
    #expect(try HuggingFaceIndex.parse(text, path: "made").entries.map(\.tensor) == ["a", "b", "c"])
    let other = try folder.settled { $0 != "c" }
    #expect(other.tensors.map(\.name) == ["a", "b"])
    #expect(other.unused.map(\.path) == ["2.safetensors"])
    try scratch.writeSafeTensors(
      #"{"c":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"d":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
      dataBytes: 2, to: "2.safetensors")
    let mixed = try HuggingFaceFolder.open(scratch.path)
    let error = try #require(refusal { () throws(MimoError) in _ = try mixed.settled { $0 != "d" } })
    #expect(error.tensor == "d" && error.description.contains("2.safetensors") && error.description.contains(HuggingFaceIndex.fileName))
  }

  @Test func aHeadWithNullAsMetadataHasNone() throws {
    let scratch = try CheckpointScratch()
    try scratch.write("{}", to: "config.json")
    try scratch.writeSafeTensors(
      #"{"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, dataBytes: 1, to: "m.safetensors")
    let folder = try HuggingFaceFolder.open(scratch.path)
    #expect(folder.tensors.map(\.name) == ["a"])
    #expect(folder.files[0].header.metadata == nil)
    #expect(try SourceManifest(folder).files[0].header().bytes == folder.files[0].header.encoded())
  }

  @Test func aWrongTotalSizeIsRecordedAndNoError() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try scratch.write(
      #"{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}}"#,
      to: HuggingFaceIndex.fileName)
    #expect(try HuggingFaceFolder.open(scratch.path).index?.declaredTotalSize == 12)
  }

  /// Each way in which index and files can disagree, and what the error must name.
  @Test(arguments: [
    (
      #"{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","d":"2.safetensors"}"#,
      ["tensor d", "2.safetensors", "no file does"]
    ),
    (#"{"a":"1.safetensors","c":"2.safetensors"}"#, ["tensor b", "1.safetensors", "not in the index"]),
    (
      #"{"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"}"#,
      ["tensor b", "2.safetensors", "but 1.safetensors does"]
    ),
    (#"{"a":"1.safetensors","b":"1.safetensors","c":"3.safetensors"}"#, ["tensor c", "3.safetensors", "not there"]),
    (#"{"a":"../1.safetensors"}"#, ["tensor a", "../1.safetensors", "no plain file name"]),
    (#"{"a":"/etc/passwd"}"#, ["tensor a", "/etc/passwd", "no plain file name"]),
    (#"{"a":"tokenizer/vocab.txt"}"#, ["tensor a", "no plain file name"]),
    (#"{"a":".."}"#, ["tensor a", "no plain file name"]),
    (#"{"a":""}"#, ["tensor a", "no plain file name"]),
    (#"{"a":"1.safetensors\u0000x"}"#, ["tensor a", "no plain file name"]),
    (#"{"a":1}"#, ["tensor a", "an integer, not a file"]),
    (#"{"a":"1.safetensors","a":"1.safetensors"}"#, ["\"a\" occurs twice"]),
    (#"[]"#, ["no weight_map object"]),
  ])
  func anIndexThatDisagreesIsRefused(_ map: String, _ parts: [String]) throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try HuggingFaceFolderTests.writeIndex(map, scratch)
    let error = try #require(open(scratch.path))
    #expect(error.code == .invalidInput)
    #expect(error.path?.hasPrefix(scratch.path) == true)
    for part in parts { #expect(error.description.contains(part), "\(error)") }
  }

  @Test func aTensorInTwoFilesIsRefused() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try scratch.writeSafeTensors(
      #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}"#,
      dataBytes: 2, to: "2.safetensors")
    let text = try #require(open(scratch.path)).description
    #expect(text.contains("2.safetensors, tensor a: tensor is in 1.safetensors too"), "\(text)")
  }

  @Test func foldersThatAreNoCheckpointAreNamed() throws {
    let scratch = try CheckpointScratch()
    #expect(open(scratch("none"))?.message == "no such folder")
    #expect(open(scratch.path)?.message.contains("no config.json") == true)
    try scratch.write("[]", to: "config.json")
    #expect(open(scratch.path)?.message.contains("an array, not an object") == true)
    try scratch.write("{", to: "config.json")
    #expect(open(scratch.path)?.path == scratch("config.json"))
    try scratch.write("{}", to: "config.json")
    #expect(open(scratch.path)?.message.contains("no safetensors file") == true)
    try scratch.write("", to: "pytorch_model-00001-of-00002.bin")
    let pickled = open(scratch.path)
    #expect(pickled?.code == .unsupported)
    #expect(pickled?.remedy?.contains("safetensors") == true)
  }

  @Test func aBrokenHeadNamesItsFile() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    try scratch.writeSafeTensors(
      #"{"c":{"dtype":"BF16","shape":[1,1],"data_offsets":[0,2]}}"#, dataBytes: 1, to: "2.safetensors")
    #expect(open(scratch.path)?.path == scratch("2.safetensors"))
  }

  @Test func whicheverCallFailsIsAnErrorAndNothingElse() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    let root = scratch.path
    var failed = 0
    for number in 1... {
      let calls = CallCounter()
      let error = refusal { () throws(MimoError) in
        try FaultInjection.with({ $1.hasPrefix(root) && calls.next() == number ? .failure(EIO) : nil }) {
          () throws(MimoError) in _ = try HuggingFaceFolder.open(root)
        }
      }
      guard let error else { break }
      #expect(error.errno == EIO && error.path?.hasPrefix(root) == true, "call \(number)")
      failed = number
    }
    #expect(failed > 30)
  }

  @Test func shortReadsChangeNothing() throws {
    let scratch = try CheckpointScratch()
    try HuggingFaceFolderTests.write(scratch)
    let root = scratch.path
    let whole = try HuggingFaceFolder.open(root)
    let slow = try FaultInjection.with({ $0 == .pread && $1.hasPrefix(root) ? .short(3) : nil }) {
      () throws(MimoError) in try HuggingFaceFolder.open(root)
    }
    #expect(slow.files.map(\.header) == whole.files.map(\.header))
    #expect(slow.indexText == whole.indexText && slow.config == whole.config)
  }

  @Test(
    .enabled(if: Golden.isPresent, "the golden checkpoints are not beside the package"), arguments: Golden.huggingFace)
  func goldenIndexesAreWrittenAgainByteForByte(_ name: String) throws {
    let folder = try HuggingFaceFolder.open("\(Golden.folder)/\(name)/hf")
    let index = HuggingFaceIndex(files: folder.files.map { ($0.name, $0.header.tensors) })
    #expect(index.encoded(newlineAtEnd: false) == folder.indexText)
    #expect(index == folder.index)
  }
}

/// Counts from 1.
private final class CallCounter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
