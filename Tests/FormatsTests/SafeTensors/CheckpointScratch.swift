import Glibc
import MimoSystem
import Testing

/// A folder for the checkpoint files of one test, removed at its end.
struct CheckpointScratch: ~Copyable {
  let path: String

  init() throws {
    var random = SystemRandomNumberGenerator()
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = FileSystem.join(base, "mimo-host-tests-\(getpid())-\(random.next())")
    try FileSystem.createDirectory(path)
  }

  deinit { try? FileSystem.removeTree(path) }

  func callAsFunction(_ name: String) -> String { FileSystem.join(path, name) }

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) throws {
    if try FileSystem.exists(self(name)) { try FileSystem.removeFile(self(name)) }
    try FileSystem.createDirectories(FileSystem.split(self(name)).parent)
    try FileSystem.writeSmallFile(self(name), bytes)
  }

  /// A safetensors file with this header, spelled as given, and `dataBytes` zero bytes.
  func writeSafeTensors(_ json: String, dataBytes: Int, to name: String) throws {
    let length = withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Array($0) }
    try write(length + Array(json.utf8) + [UInt8](repeating: 0, count: dataBytes), to: name)
  }
}

/// The error that `body` throws; nil when it throws none.
func refusal(_ body: () throws(MimoError) -> Void) -> MimoError? {
  do throws(MimoError) {
    try body()
    return nil
  } catch {
    return error
  }
}

/// The reference checkpoints, which lie beside the package; tests that need them are skipped without.
enum Golden {
  static let folder: String = {
    var path = #filePath
    for _ in 0..<4 { path = FileSystem.split(path).parent }
    return FileSystem.join(FileSystem.split(path).parent, "shared/golden")
  }()

  static let isPresent = (try? FileSystem.isDirectory(folder)) ?? false

  /// Names of the checkpoints that have a Hugging Face folder.
  static let huggingFace: [String] = {
    let names = (try? FileSystem.list(folder)) ?? []
    return names.filter { (try? FileSystem.isDirectory("\(folder)/\($0)/hf")) ?? false }
  }()

  /// Every safetensors file, path inside the folder of golden data.
  static let safeTensors: [String] = (try? find(".safetensors", in: "")) ?? []

  /// Every JSON file of a Hugging Face folder.
  static let json: [String] = (try? find(".json", in: "").filter { $0.contains("/hf/") }) ?? []

  private static func find(_ suffix: String, in prefix: String) throws -> [String] {
    var found: [String] = []
    for name in try FileSystem.list(FileSystem.join(folder, prefix)) {
      let path = prefix + name
      if try FileSystem.isDirectory(FileSystem.join(folder, path)) {
        found += try find(suffix, in: path + "/")
      } else if name.hasSuffix(suffix) {
        found.append(path)
      }
    }
    return found
  }
}
