import Foundation
import Testing

/// A small model's config, and a folder for what the test makes of it.
final class Model {
  static let configs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/configs")

  let config: String
  private let folder: URL

  init(_ name: String) throws {
    config = Model.configs.appending(path: name + ".json").path
    folder = FileManager.default.temporaryDirectory.appending(path: "mimo-command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Makes the model's checkpoint; answers its path.
  @discardableResult
  func synth(_ name: String = "hf", _ options: String...) throws -> String {
    try run(["synth", "--plugin", "Qwen3VL", "--config", config] + options + [path(name)])
    return path(name)
  }

  /// Converts; answers the path of what was made.
  @discardableResult
  func convert(_ source: String, to name: String, _ options: String...) throws -> String {
    try run(["convert", "--plugin", "Qwen3VL"] + options + [source, path(name)])
    return path(name)
  }

  /// Runs a command that must succeed; answers what it printed.
  @discardableResult
  func run(_ arguments: [String]) throws -> String {
    let command = try Command(arguments)
    try #require(command.status == 0, "\(arguments.joined(separator: " ")): \(command.errors)")
    return command.output
  }

  func verify(_ checkpoints: String...) throws -> Command {
    try Command(["verify", "--plugin", "Qwen3VL"] + checkpoints)
  }

  func json(_ arguments: [String]) throws -> [String: Any] {
    let text = try run(arguments)
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }
}

/// Writes one byte anew in a file.
func flip(_ path: String, at offset: UInt64) throws {
  let file = try FileHandle(forUpdating: URL(filePath: path))
  defer { try? file.close() }
  try file.seek(toOffset: offset)
  let byte = try #require(try file.read(upToCount: 1)?.first)
  try file.seek(toOffset: offset)
  try file.write(contentsOf: [byte ^ 0x40])
}

func size(_ path: String) throws -> UInt64 {
  try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64)
}
