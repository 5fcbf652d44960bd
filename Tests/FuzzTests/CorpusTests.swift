import Foundation
import FuzzTargets
import Testing

/// What made a parser fail once, and a few files of each kind, through every parser.
@Suite struct CorpusTests {
  static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fuzz/Corpus")

  /// Paths inside the corpus: `target/file`.
  static let files: [String] = {
    let all = FileManager.default.enumerator(at: corpus, includingPropertiesForKeys: [.isRegularFileKey])
    let files = all?.compactMap { $0 as? URL }.filter { (try? $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true }
    return (files ?? []).map { $0.pathComponents.suffix(2).joined(separator: "/") }.sorted()
  }()

  static func bytes(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: corpus.appending(path: file))) }

  @Test func eachParserHasAFolderAndReadsSomethingInIt() throws {
    #expect(Set(Self.files.map { String($0.prefix { $0 != "/" }) }) == Set(FuzzTarget.all.map(\.name)))
    for target in FuzzTarget.all {
      let own = try Self.files.filter { $0.hasPrefix(target.name + "/") }.map { try target.accepts(Self.bytes($0)) }
      #expect(own.contains(true), "\(target.name) takes none of its \(own.count) files")
    }
  }

  /// A trap would end the run; an error of more than one line, or one that blames ourselves, is thrown.
  @Test(arguments: files) func everyParserEndsWithAValueOrOneLine(_ file: String) throws {
    let bytes = try Self.bytes(file)
    for target in FuzzTarget.all {
      let start = Self.processorSeconds
      _ = try target.accepts(bytes)
      #expect(Self.processorSeconds - start < 5, "\(target.name)")
    }
  }

  /// Of this thread: other tests do not count.
  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
