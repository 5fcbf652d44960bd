import MimoSystem

/// What the dynamic linker reads of a shared library: the symbols that it exports, and the libraries that it needs.
///
/// Layout: section headers, symbols and dynamic entries of ELF-64, little-endian (System V ABI, chapters 4 and 5).
struct ELFLibrary {
  private(set) var exported: [String] = []
  private(set) var needed: [String] = []

  private struct Section {
    var type: Int
    var offset: Int
    var size: Int
    /// The section with its texts.
    var link: Int
  }

  private enum Kind {
    static let dynamic = 6
    static let dynamicSymbols = 11
  }

  private let bytes: [UInt8]

  init(path: String) throws(MimoError) {
    bytes = try FileSystem.readSmallFile(path)
    do {
      let sections = try readSections()
      for section in sections {
        switch section.type {
        case Kind.dynamicSymbols: exported += try symbols(section, try texts(section, sections))
        case Kind.dynamic: needed += try libraries(section, try texts(section, sections))
        default: break
        }
      }
    } catch {
      throw error.at(path: path)
    }
  }

  private func readSections() throws(MimoError) -> [Section] {
    guard bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { throw unreadable("no ELF-64 header", at: 0) }
    let (start, size, count) = (try number(at: 40, 8), try number(at: 58, 2), try number(at: 60, 2))
    guard size == 64 else { throw unreadable("no section headers", at: 58) }
    var sections: [Section] = []
    for i in 0..<count {
      let header = start &+ i * size
      sections.append(
        Section(
          type: try number(at: header &+ 4, 4), offset: try number(at: header &+ 24, 8),
          size: try number(at: header &+ 32, 8), link: try number(at: header &+ 40, 4)))
    }
    return sections
  }

  private func texts(_ section: Section, _ sections: [Section]) throws(MimoError) -> Section {
    guard sections.indices.contains(section.link) else { throw unreadable("a section without its texts", at: 0) }
    return sections[section.link]
  }

  /// Defined symbols that are not local.
  private func symbols(_ section: Section, _ texts: Section) throws(MimoError) -> [String] {
    var names: [String] = []
    for entry in try entries(section, of: 24) {
      let (binding, home) = (try number(at: entry + 4, 1) >> 4, try number(at: entry + 6, 2))
      if binding != 0, home != 0 { names.append(try text(try number(at: entry, 4), in: texts)) }
    }
    return names
  }

  /// DT_NEEDED entries.
  private func libraries(_ section: Section, _ texts: Section) throws(MimoError) -> [String] {
    var names: [String] = []
    for entry in try entries(section, of: 16) {
      let tag = try number(at: entry, 8)
      if tag == 0 { break }
      if tag == 1 { names.append(try text(try number(at: entry + 8, 8), in: texts)) }
    }
    return names
  }

  private func entries(_ section: Section, of size: Int) throws(MimoError) -> StrideTo<Int> {
    guard section.offset >= 0, section.size >= 0, section.size <= bytes.count,
      section.offset <= bytes.count - section.size
    else { throw unreadable("a section beyond the end", at: 0) }
    return stride(from: section.offset, to: section.offset + section.size / size * size, by: size)
  }

  private func number(at position: Int, _ width: Int) throws(MimoError) -> Int {
    guard position >= 0, position <= bytes.count - width else { throw unreadable("it ends too early", at: bytes.count) }
    let value = (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[position + $1]) << (8 * $1) }
    guard let number = Int(exactly: value) else { throw unreadable("a number beyond the file", at: position) }
    return number
  }

  private func text(_ position: Int, in section: Section) throws(MimoError) -> String {
    let (start, overflow) = section.offset.addingReportingOverflow(position)
    guard !overflow, start >= 0, start < bytes.count else { throw unreadable("a name beyond the end", at: bytes.count) }
    return String(decoding: bytes[start...].prefix { $0 != 0 }, as: UTF8.self)
  }

  private func unreadable(_ what: String, at byte: Int) -> MimoError {
    MimoError(.plugin, "the library's tables can not be read: \(what)", byte: UInt64(byte))
  }
}
