import Foundation
import Testing

/// Facts of a checkpoint as a text file: a line a tensor with name, dtype, shape, CRC-32 of its bytes and of its chunk boxes.
enum FactTable {
  /// The command's arguments stand in the first line, behind `#`.
  static func arguments(_ path: String) throws -> [String] {
    let first = try String(contentsOfFile: path, encoding: .utf8).prefix { $0 != "\n" }
    return first.dropFirst().split(separator: " ").map(String.init)
  }

  static func read(_ path: String) throws -> TensorFacts {
    var facts: TensorFacts = [:]
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      try #require(fields.count == 5, "\(line)")
      facts[String(fields[0])] = TensorFact(
        dtype: String(fields[1]), shape: fields[2].split(separator: ",").compactMap { Int($0) },
        content: .digest(try #require(UInt32(fields[3], radix: 16))),
        boxes: .digest(try #require(UInt32(fields[4], radix: 16))))
    }
    return facts
  }
}
