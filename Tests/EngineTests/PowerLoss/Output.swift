import Foundation
import MimoSystem

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// What lies at OUT; of the report what depends on how the run went is left out, and of a file's time remains whether it
/// is the file's.
struct Output: Equatable {
  private var files: [String: Data] = [:]
  let isAbsent: Bool

  init(of conversion: TinyConversion) throws {
    isAbsent = try !FileSystem.exists(conversion.output)
    if !isAbsent { try add(conversion.output, prefix: "") }
    guard let report = files[ReportFile.name] else { return }
    // A key a line.
    let lines = String(decoding: report, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let kept = try lines.filter { !Output.isOfTheRun($0) }.map { try Output.comparingTime($0, in: conversion.output) }
    files[ReportFile.name] = Data(kept.joined(separator: "\n").utf8)
  }

  private static let keys = ["seconds", "peak_memory_bytes", "bytes_resumed", "crc64"]

  private static func isOfTheRun(_ line: Substring) -> Bool {
    keys.contains { line.hasPrefix(" \"\($0)\":") }
  }

  /// A file's line with a word for its time.
  private static func comparingTime(_ line: Substring, in folder: String) throws -> String {
    guard let path = between("\"path\": \"", "\"", in: line), let time = between("\"mtime_ns\": ", ",", in: line) else {
      return String(line)
    }
    let file = FileSystem.join(folder, path)
    let found = try FileSystem.exists(file) ? String(FileSystem.info(at: file).modified) : nil
    return line.replacingOccurrences(of: time, with: time == found ? "the file's" : "not the file's")
  }

  private static func between(_ start: String, _ end: String, in line: Substring) -> String? {
    guard let from = line.range(of: start)?.upperBound, let to = line[from...].range(of: end)?.lowerBound else { return nil }
    return String(line[from..<to])
  }

  private mutating func add(_ folder: String, prefix: String) throws {
    for name in try FileSystem.list(folder) {
      let path = FileSystem.join(folder, name)
      if try FileSystem.isDirectory(path) {
        files[prefix + name + "/"] = Data()
        try add(path, prefix: prefix + name + "/")
      } else {
        files[prefix + name] = try Data(contentsOf: URL(filePath: path))
      }
    }
  }
}
