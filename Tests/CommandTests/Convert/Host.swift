import Foundation
import Testing

/// The built program, run as a user runs it.
enum Host {
  /// What one run left behind.
  struct Outcome {
    var code: Int32
    var output: String
    var errors: String
    /// Ended by a signal that it did not handle.
    var wasKilled: Bool
  }

  static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Where the build put the test runner, and with it the program and the plugins.
  static let products = URL(
    filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  ).deletingLastPathComponent()

  static let executable = products.appending(path: "mimo-host")

  static func process(_ arguments: [String], shell: String? = nil) -> (process: Process, pipes: [Pipe]) {
    let process = Process()
    if let shell {
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = ["-c", "\(shell); exec \"$0\" \"$@\"", executable.path] + arguments
    } else {
      process.executableURL = executable
      process.arguments = arguments
    }
    let pipes = [Pipe(), Pipe()]
    process.standardOutput = pipes[0]
    process.standardError = pipes[1]
    process.standardInput = FileHandle.nullDevice
    return (process, pipes)
  }

  /// Runs the program to its end.
  ///
  /// - Parameter shell: commands of sh that come first in the same process, such as `ulimit -f 8`.
  static func run(_ arguments: [String], shell: String? = nil) throws -> Outcome {
    let (process, pipes) = process(arguments, shell: shell)
    try process.run()
    return finish(process, pipes)
  }

  /// Waits for the end of a process. Its words are few, so that neither pipe fills up while the other is read.
  static func finish(_ process: Process, _ pipes: [Pipe]) -> Outcome {
    let output = pipes[0].fileHandleForReading.readDataToEndOfFile()
    let errors = pipes[1].fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      code: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self), wasKilled: process.terminationReason == .uncaughtSignal)
  }

  /// Runs a conversion that must succeed.
  static func convert(_ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try run(["convert", "-q"] + arguments)
    try #require(outcome.code == 0, "\(arguments.joined(separator: " ")): \(outcome.errors)", sourceLocation: sourceLocation)
  }
}

/// A folder of one test, removed at its end.
final class Scratch {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "mimo-host-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func callAsFunction(_ name: String) -> String { url.appending(path: name).path }

  /// Everything that lies in it, hidden files too.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }
}

/// Makes a folder one that somebody else wrote: without its report nothing in it has to be as it was.
func disown(_ folder: String) throws { try FileManager.default.removeItem(atPath: folder + "/conversion_report.json") }

/// A JSON file as an object.
func readJSON(_ path: String) throws -> [String: Any] {
  let data = try Data(contentsOf: URL(filePath: path))
  return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any], "\(path) is no object")
}
