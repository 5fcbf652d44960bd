import Foundation
import MimoSystem
import Testing

/// A command line that does not fit the model, the plugin or the disk.
struct BadCommand: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var arguments: [String]
  var code: Int32
  var words: [String]

  init(_ arguments: String, code: Int32, _ words: String...) {
    testDescription = arguments
    self.arguments = arguments.split(separator: " ").map(String.init)
    self.code = code
    self.words = words
  }

  static let all = [
    BadCommand("--to megatron --tp 3 --pad-vocab", code: 4, "tp=3", "heads"),
    BadCommand("--to megatron --tp 8 --pad-vocab", code: 4, "tp=8", "heads"),
    BadCommand("--to megatron --tp 4", code: 4, "vocabulary of 250", "--pad-vocab"),
    BadCommand("--to megatron --pp 3", code: 4, "8 layers", "pp=3"),
    BadCommand("--to megatron --pp 9", code: 4, "8 layers"),
    BadCommand("--to megatron --ep 2", code: 4, "experts"),
    BadCommand("--to mimo --component language=tp=1 --component audio=tp=1", code: 4, "audio", "images"),
    BadCommand("--to mimo --component language=tp=1", code: 4, "images"),
    BadCommand("--to mimo", code: 2, "--component"),
    BadCommand(
      "--to mimo --component language=tp=2,dp=1,rank_offset=0 --component images=tp=1,dp=1,rank_offset=1", code: 4,
      "language", "images", "rank"),
    BadCommand(
      "--to mimo --component language=tp=2,dp=1,rank_offset=0 --component images=tp=1,dp=1,rank_offset=3", code: 4, "rank"),
    BadCommand("--to mimo --component language=tp=3 --component images=tp=1", code: 4, "tp=3", "power of"),
    BadCommand("--to mimo --component language=tp=1 --component images=tp=2,ep=2", code: 4, "images", "expert"),
    BadCommand("--to mimo --component language=tp=1,dp=2 --component images=tp=1,dp=3", code: 4, "dp"),
    BadCommand("--to mimo --component language=tp=two --component images=tp=1", code: 2, "tp", "two"),
    BadCommand("--to fsdp_dtensor --fsdp 2 --pp 2", code: 2, "--pp", "fsdp_dtensor"),
    BadCommand("--to fsdp_dtensor --fsdp 2 --world-size 4", code: 2, "--world-size", "fsdp_dtensor"),
    BadCommand("--to fsdp_dtensor --component language=fsdp=2,dp=2 --component images=fsdp=1", code: 2, "dp of language"),
    BadCommand("--to fsdp_dtensor --fsdp 2 --component images=fsdp=1", code: 2, "--component and --fsdp"),
    BadCommand("--to fsdp_dtensor --fsdp 2 --ep 2", code: 4, "experts"),
    BadCommand("--to fsdp_dtensor --fsdp 0", code: 2, "--fsdp", "at least 1"),
    BadCommand("--to fsdp_dtensor --fsdp 99999999", code: 2, "--fsdp", "at most"),
    BadCommand("--to fsdp_dtensor --fsdp 2 --shard-table nowhere.json", code: 6, "nowhere.json"),
    BadCommand("--to megatron --fsdp 2", code: 2, "--fsdp", "fsdp_dtensor"),
    BadCommand("--to mimo --component language=fsdp=2 --component images=tp=1", code: 2, "fsdp of language"),
    BadCommand("--to hf --shard-table x.json", code: 2, "--shard-table"),
    BadCommand("--to hf", code: 8, "Hugging Face"),
  ]
}

/// Qwen3-VL adds the images' deepstack features (here 2) in the first layers of the language model (here 4 in all).
@Suite struct DeepstackLayoutTests {
  private static let short = [
    "--to megatron --pp 4", "--to ranks --pp 4", "--to megatron --pp 3 --pp-first 1 --pp-last 1",
    "--to ranks --pp 2 --pp-first 1",
  ]

  @Test(arguments: short) func aFirstStageWithTooFewLayersIsRefused(_ layout: String) throws {
    let scratch = try Scratch()
    let arguments = ["--plugin", "Qwen3VL"] + layout.split(separator: " ").map(String.init)
    let words = ["2 deepstack features", "need 2 layers", "first pipeline stage", "1 of 4", "Use pp=1"]
    try Refusal.expect(arguments + [Fixtures.experts, scratch("out")], in: scratch, code: 4, words: words)
    try Host.convert(["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.experts, scratch("whole")])
    try Refusal.expect(arguments + [scratch("whole"), scratch("out")], in: scratch, code: 4, words: words)
  }

  /// A MIMO model has no deepstack in the reference, and a language model alone has no images.
  @Test(arguments: [
    "--to megatron --pp 2", "--to megatron --pp 3 --pp-first 2",
    "--to mimo --component language=pp=4 --component images=tp=1", "--to megatron --pp 4 --only language",
  ]) func otherLayoutsAreTaken(_ layout: String) throws {
    let arguments = ["--plugin", "Qwen3VL"] + layout.split(separator: " ").map(String.init)
    let outcome = try Host.run(["plan"] + arguments + [Fixtures.experts])
    #expect(outcome.code == 0, "\(outcome.errors)")
  }
}

@Suite struct MalformedCommandTests {
  @Test(arguments: BadCommand.all) func isRefused(_ bad: BadCommand) throws {
    let scratch = try Scratch()
    let arguments = ["--plugin", "Qwen3VL"] + bad.arguments + [Fixtures.dense, scratch("out")]
    try Refusal.expect(arguments, in: scratch, code: bad.code, words: bad.words)
  }

  @Test func anOutputThatExistsIsKept() throws {
    let scratch = try Scratch()
    try Data("mine".utf8).write(to: URL(filePath: scratch("out")))
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch("out")], in: scratch, code: 2,
      words: [scratch("out"), "exists already", "Remove it first"])
  }

  @Test(arguments: [("nowhere/out", Int32(2)), ("file/out", 2)])
  func aParentThatIsNoFolderIsNamed(output: String, code: Int32) throws {
    let scratch = try Scratch()
    try Data().write(to: URL(filePath: scratch("file")))
    let parent = scratch(String(output.split(separator: "/")[0]))
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, scratch(output)], in: scratch, code: code, words: [parent])
  }

  /// The kernel lets nobody make folders in /proc, root neither.
  @Test func aFolderThatTakesNoFilesIsNamed() throws {
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, "/proc/out"], in: try Scratch(), code: 6, words: ["/proc"])
  }

  @Test func aSourceThatIsNotThereIsNamed() throws {
    let scratch = try Scratch()
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")], in: scratch, code: 2,
      words: [scratch("model")])
  }

  @Test(.enabled(if: getuid() != 0, "permissions do not bind root")) func aSourceThatMayNotBeReadIsNamed() throws {
    let scratch = try Scratch()
    try EditableFolder(Fixtures.dense).write(to: scratch("model"))
    let file = scratch("model/model-00001-of-00004.safetensors")
    chmod(file, 0)
    let outcome = try Host.run(["convert", "--plugin", "Qwen3VL", "--to", "megatron", scratch("model"), scratch("out")])
    Refusal.judge(outcome, code: 6, words: [file, "permission"])
    #expect(scratch.names == ["model"])
  }

  @Test func aPluginThatIsNoLibraryIsNamed() throws {
    let scratch = try Scratch()
    let plugin = "\(Fixtures.dense)/config.json"
    try Refusal.expect(
      ["--plugin", plugin, "--to", "megatron", Fixtures.dense, scratch("out")], in: scratch, code: 5, words: [plugin])
  }

  @Test func aPluginThatIsNotThereIsNamed() throws {
    let scratch = try Scratch()
    try Refusal.expect(
      ["--plugin", "Llama", "--to", "megatron", Fixtures.dense, scratch("out")], in: scratch, code: 2,
      words: ["Llama", "Qwen3VL"])
  }

  @Test(.enabled(if: SmallDisk.isPossible, "only root mounts a small file system"))
  func aDiskWithTooLittleSpaceIsNamed() throws {
    let scratch = try Scratch()
    let disk = try SmallDisk(scratch("disk"), kilobytes: 300)
    let outcome = try Host.run(["convert", "--plugin", "Qwen3VL", "--to", "megatron", Fixtures.dense, disk.path + "/out"])
    Refusal.judge(outcome, code: 6, words: [disk.path, "free", "Make room"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == [])
  }

  /// The limit of file sizes stands for a disk that takes no more: the kernel's answer is an error, and a signal.
  @Test(arguments: ["megatron", "ranks"]) func aDiskThatTakesNoMoreIsNamed(format: String) throws {
    let scratch = try Scratch()
    try Refusal.expect(
      ["--plugin", "Qwen3VL", "--to", format, "--tp", "2", Fixtures.dense, scratch("out")], in: scratch, code: 6,
      words: [scratch(".out"), "File too large", "ulimit -f"], shell: "ulimit -f 64")
  }
}

/// A file system in memory, gone with its owner.
final class SmallDisk {
  let path: String

  static let isPossible: Bool = {
    guard getuid() == 0, let scratch = try? Scratch() else { return false }
    return (try? SmallDisk(scratch("disk"), kilobytes: 64)) != nil
  }()

  init(_ path: String, kilobytes: Int) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else { throw CocoaError(.fileWriteNoPermission) }
  }

  deinit { umount(path) }
}
