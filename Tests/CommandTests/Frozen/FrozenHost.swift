import Foundation
import Testing

/// The program and the plugins of ABI 1.0, as they were built once and for all; see Tests/Fixtures/README.md.
enum Frozen {
  static let folder = "\(Fixtures.root)/abi-1.0"
  static let host = URL(filePath: "\(folder)/mimo-host")

  /// They are programs of one kind of machine.
  static var runs: Bool {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }

  static func library(_ family: String) -> String { "\(folder)/lib\(family).so" }

  /// The library of today's build.
  static func todays(_ family: String) -> String { Host.products.appending(path: "lib\(family).so").path }

  static let families = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    .filter { $0.hasSuffix(".so") }.map { String($0.dropFirst(3).dropLast(3)) }
}

/// What one host makes of one model with one library: the digest of each Hugging Face tensor, and what each target is.
struct ConversionDigests: Equatable {
  var sources: [String: String] = [:]
  var targets: [String: String] = [:]
  /// The exit code of a model that a layout can not have.
  var refusal: Int32?

  /// Converts to `output`, which must not be there.
  init(host: URL, library: String, _ arguments: [String], to output: String) throws {
    let process = Process()
    process.executableURL = host
    process.arguments = ["convert", "-q", "--plugin", library] + arguments + [output]
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      refusal = process.terminationStatus
      return
    }
    let report = try readJSON("\(output)/conversion_report.json")
    sources = try ConversionDigests.lines(report["sources"], ["dtype", "shape", "crc64"])
    targets = try ConversionDigests.lines(report["targets"], ["dtype", "shape", "sources"])
  }

  private static func lines(_ entries: Any?, _ keys: [String]) throws -> [String: String] {
    var lines: [String: String] = [:]
    for entry in try #require(entries as? [[String: Any]]) {
      lines[try #require(entry["name"] as? String)] = try keys.map { "\(try #require(entry[$0]))" }.joined(separator: " ")
    }
    return lines
  }
}
