import Foundation
import MimoSystem
import Testing

/// Libraries as files: read, never loaded, whatever they hold.
struct LibraryFileTests {
  private static let library = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/abi-1.0/libAFMoE.so")

  /// What is said of a library with these bytes: whether it is a plugin, or nil for an error.
  private func isPlugin(_ bytes: Data) throws -> Bool? {
    let folder = try TemporaryFolder()
    try bytes.write(to: URL(filePath: folder("library")))
    do throws(MimoError) {
      let library = try LibraryFile(folder("library"))
      _ = (try library.exported(), try library.needed())
      return try library.exports("mimo_plugin_entry")
    } catch {
      #expect(error.code == .plugin || error.code == .invalidInput, "\(error)")
      #expect(error.path == folder("library"))
      return nil
    }
  }

  @Test func exportsAndNeedsAreThoseOfTheTables() throws {
    let library = try LibraryFile(Self.library.path)
    #expect(try library.exported() == ["mimo_plugin_entry"])
    #expect(try library.needed() == ["libc.so.6"])
    #expect(try library.exports("mimo_plugin_entry"))
    #expect(try !library.exports("mimo_plugin"))
  }

  @Test func aFileThatWasCutIsAnError() throws {
    let whole = try Data(contentsOf: Self.library)
    // The section headers come last.
    for size in [0, 1, 16, 63, 64, 65, 4096, whole.count / 2, whole.count - 64, whole.count - 1] {
      #expect(try isPlugin(whole.prefix(size)) == nil, "\(size) bytes")
    }
    #expect(try isPlugin(whole) == true)
  }

  /// Every number of the header and of all section headers, with values that break sums and ask for memory.
  @Test(arguments: [0, 1, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, UInt64.max, 0x1_0000_0000, 1 << 40])
  func whateverTheTablesSayReadingThemEnds(_ value: UInt64) throws {
    let whole = try Data(contentsOf: Self.library)
    func number(_ start: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 | Int(whole[start + $1]) << (8 * $1) } }
    let (sections, count) = (number(40, 8), number(60, 2))
    let places = [16, 40, 56] + (0..<count).flatMap { section in [0, 24, 32, 40].map { sections + section * 64 + $0 } }
    for place in places {
      var bytes = whole
      for byte in 0..<8 { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
      _ = try isPlugin(bytes)
    }
  }

  /// A million symbols that share one long name would be terabytes of texts.
  @Test func namesThatShareTheirBytesAreBounded() throws {
    let (symbols, name) = (100_000, 1 << 20)
    var bytes = Data(count: 64) + Data(count: 3 * 64)
    func put(_ value: Int, _ width: Int, at place: Int) {
      for byte in 0..<width { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }
    let whole = try Data(contentsOf: Self.library)
    bytes.replaceSubrange(0..<64, with: whole.prefix(64))
    put(64, 8, at: 40)
    put(3, 2, at: 60)
    // Section 1: symbols, with section 2 as texts.
    for (place, value) in [(4, 11), (24, 256), (32, symbols * 24), (40, 2)] { put(value, place == 4 || place == 40 ? 4 : 8, at: 128 + place) }
    for (place, value) in [(24, 256 + symbols * 24), (32, name)] { put(value, 8, at: 192 + place) }
    var symbol = Data(count: 24)
    symbol[4] = 0x10
    symbol[6] = 1
    for _ in 0..<symbols { bytes += symbol }
    bytes += Data(repeating: UInt8(ascii: "a"), count: name - 1) + Data([0])
    #expect(try isPlugin(bytes) == nil)
  }
}
