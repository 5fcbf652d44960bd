import Foundation
import Testing

/// `mimo-host shards` against the tensors that each of the reference's ranks holds: names and local shapes.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct ShardListTests {
  static let all = ReferenceFolder.golden.cases.filter { $0.form == .ranks }

  @Test func layoutsOfAllFormsAreHere() { #expect(ShardListTests.all.count >= 30) }

  @Test(arguments: all) func everyRankHoldsWhatTheReferencesRankHolds(_ reference: ReferenceCase) throws {
    let layout = Array(reference.arguments.dropFirst(2))
    let outcome = try Host.run(["shards", "--tsv", "--plugin", reference.plugin] + layout + [reference.source])
    try #require(outcome.code == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n").dropFirst()
    let ranks = Dictionary(grouping: try lines.map { try Line($0) }, by: \.rank)
    let expected = try TensorFact.folder(reference.path, namingFiles: true).mapValues(\.shape)
    var seen: [String: [Int]] = [:]
    for (rank, lines) in ranks {
      for (name, boxes) in Dictionary(grouping: ShardListTests.localNames(lines), by: \.name) {
        seen[String(format: "rank-%04d.safetensors ", rank) + name] = ShardListTests.shape(boxes.map(\.line))
      }
    }
    // Experts that the reference left unwritten after a warning.
    if FileManager.default.fileExists(atPath: "\(reference.folder)/unwritten_tp1.json") {
      seen = seen.filter { expected[$0.key] != nil || !$0.key.contains(".mlp.experts.") }
    }
    let names = Set(expected.keys).union(seen.keys).sorted()
    let differences = names.filter { seen[$0] != expected[$0] }.map { name in
      "\(name): \(seen[name].map { "\($0)" } ?? "nothing"), expected \(expected[name].map { "\($0)" } ?? "nothing")"
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(8).joined(separator: "\n"))")
  }

  /// One line of the table.
  private struct Line {
    let name: String
    let rank: Int
    let local: [Int]
    let offset: [Int]

    init(_ text: Substring) throws {
      let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
      try #require(fields.count == 5, "\(text)")
      name = String(fields[0])
      rank = try #require(Int(fields[1]))
      local = fields[3].split(separator: ",").compactMap { Int($0) }
      offset = fields[4].split(separator: ",").compactMap { Int($0) }
    }
  }

  /// Boxes of one tensor lie one after the other along one dim.
  private static func shape(_ boxes: [Line]) -> [Int] {
    var shape = boxes[0].local
    guard let dim = shape.indices.first(where: { dim in Set(boxes.map { $0.offset[dim] }).count > 1 }) else { return shape }
    shape[dim] = boxes.reduce(0) { $0 + $1.local[dim] }
    return shape
  }

  /// The names that a rank's module has: layers and experts from 0 on.
  private static func localNames(_ lines: [Line]) -> [(name: String, line: Line)] {
    let layer = /^(.*decoder\.layers\.)(\d+)(\..*)$/
    let expert = /^(.*\.experts\..*(?:weight|bias))(\d+)$/
    var first: [Substring: Int] = [:]
    for line in lines {
      if let match = line.name.wholeMatch(of: layer), let number = Int(match.2) {
        first[match.1] = min(first[match.1] ?? number, number)
      }
      if let match = line.name.wholeMatch(of: expert), let number = Int(match.2) {
        first[match.1] = min(first[match.1] ?? number, number)
      }
    }
    return lines.map { line in
      var name = line.name
      if let match = name.wholeMatch(of: expert), let number = Int(match.2) {
        name = "\(match.1)\(number - (first[match.1] ?? 0))"
      }
      if let match = name.wholeMatch(of: layer), let number = Int(match.2) {
        name = "\(match.1)\(number - (first[match.1] ?? 0))\(match.3)"
      }
      return (name, line)
    }
  }
}
