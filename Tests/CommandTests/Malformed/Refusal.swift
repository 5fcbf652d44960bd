import Foundation
import Testing

/// How a run that must fail is judged: one line on stderr, the exit code, nothing left behind, the source as it was.
enum Refusal {
  /// - Parameters:
  ///   - source: where the checkpoint lies, in `scratch`.
  ///   - words: what the line must hold.
  static func expect(
    _ arguments: [String], in scratch: Scratch, code: Int32, words: [String], shell: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try contents(scratch)
    let outcome = try Host.run(["convert", "-q"] + arguments, shell: shell)
    judge(outcome, code: code, words: words, sourceLocation: sourceLocation)
    #expect(try contents(scratch) == before, "files were left behind or changed", sourceLocation: sourceLocation)
  }

  static func judge(
    _ outcome: Host.Outcome, code: Int32, words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let line = outcome.errors
    #expect(!outcome.wasKilled && outcome.code == code, "\(line)", sourceLocation: sourceLocation)
    #expect(line.hasPrefix("mimo-host: error: ") && line.filter { $0 == "\n" }.count == 1, "\(line)", sourceLocation: sourceLocation)
    for word in words { #expect(line.contains(word), "\(line)", sourceLocation: sourceLocation) }
    #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
  }

  /// Path -> bytes of everything in a folder; of large files the size.
  private static func contents(_ scratch: Scratch) throws -> [String: Data] {
    let files = FileManager.default
    var found: [String: Data] = [:]
    for case let name as String in try #require(files.enumerator(atPath: scratch.url.path)) {
      let attributes = try files.attributesOfItem(atPath: scratch(name))
      let size = attributes[.size] as? Int ?? 0
      let isFile = attributes[.type] as? FileAttributeType == .typeRegular
      found[name] = isFile && size < 1 << 24 ? files.contents(atPath: scratch(name)) : Data("\(isFile ? size : -1)".utf8)
    }
    return found
  }
}
