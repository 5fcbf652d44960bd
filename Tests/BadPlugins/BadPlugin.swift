import Foundation

/// Compiles one of the plugins in `C`: a sound one, and others with one fault each.
package final class BadPlugin {
  package struct NotCompiled: Error {}

  /// The library.
  package let path: String
  private let folder: URL

  package static let compiler: String? = ["clang", "cc", "gcc"].lazy.compactMap { name in
    ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }.first

  /// - Parameters:
  ///   - name: of the file, without its ending.
  ///   - file: what the library is to be called.
  package init(_ name: String, file: String = "libToy.so", flags: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mimo-bad-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: file).path
    let tests = URL(filePath: #filePath).deletingLastPathComponent()
    let header = tests.deletingLastPathComponent().deletingLastPathComponent().appending(
      path: "Sources/PluginABI/include")
    let process = Process()
    process.executableURL = URL(filePath: BadPlugin.compiler ?? "/usr/bin/cc")
    process.arguments =
      ["-std=c11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE", "-I", header.path]
      + [tests.appending(path: "C/\(name).c").path, "-o", path] + flags
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw NotCompiled() }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Writes the config of a model of the made-up family, and answers its path. `square`: as many rows as columns.
  package func config(square: Bool = true) throws -> String {
    let path = folder.appending(path: "config.json").path
    let config = """
      {"architectures": ["ToyModel"], "hidden_size": 8, "intermediate_size": \(square ? 8 : 12), "vocab_size": 8,
       "num_hidden_layers": 2, "use_bias": false, "dtype": "float32"}
      """
    try Data(config.utf8).write(to: URL(filePath: path))
    return path
  }
}
