import Foundation
import Testing

/// The built command, as a user runs it.
struct Command {
  var status: Int32
  var output: String
  var errors: String

  /// Runs `mimo-host`, which the build puts beside the test bundle.
  init(_ arguments: [String]) throws {
    let binary: URL = try #require(Command.binary, "mimo-host is not beside the tests: build it first")
    let process = Process()
    process.executableURL = binary
    process.arguments = arguments
    let (out, err) = (Pipe(), Pipe())
    process.standardOutput = out
    process.standardError = err
    try process.run()
    // No page is longer than a pipe holds, so reading one after the other can not block.
    output = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    errors = String(decoding: err.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    status = process.terminationStatus
  }

  private static let binary: URL? = {
    let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let candidates = [beside, URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()]
      .map { $0.appending(path: "mimo-host") }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }()
}
