import Glibc

/// A shared library as a file: what it exports and needs, read without loading it, for loading is running its code.
///
/// Layout: header, section headers, symbols and dynamic entries of ELF-64, little-endian (System V ABI, chapters 4 and 5).
package struct LibraryFile {
  private struct Section {
    var type: UInt64
    var offset: UInt64
    var size: UInt64
    /// Number of the section with its texts.
    var link: UInt64
  }

  private enum Kind {
    static let dynamic: UInt64 = 6
    static let dynamicSymbols: UInt64 = 11
  }

  private static let headerSize = 64
  /// Bytes of a table, and of all names of one: those of the largest libraries take a tenth of it.
  private static let tableLimit = 64 << 20

  private let file: File
  private let size: UInt64
  private let header: [UInt8]

  /// Refuses anything but a regular file with the header of a shared library for this machine.
  package init(_ path: String) throws(MimoError) {
    file = try File.openForReading(path)
    size = try file.size()
    header = try LibraryFile.read(file, at: 0, count: Int(min(size, UInt64(LibraryFile.headerSize))))
    guard header.count == LibraryFile.headerSize, header.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
      throw refusal("is no shared library (it does not begin as an ELF file)")
    }
    guard header[4] == 2, header[5] == 1 else { throw refusal("is no 64-bit little-endian library") }
    let (type, machine) = (number(header, 16, 2), number(header, 18, 2))
    guard type == UInt64(ET_DYN) else { throw refusal("is an ELF file, but no shared library") }
    guard machine == LibraryFile.ownMachine else {
      throw refusal("is a library for another kind of processor (ELF machine \(machine), here \(LibraryFile.ownMachine))")
    }
  }

  /// Whether it has a defined symbol of this name that others see.
  package func exports(_ name: String) throws(MimoError) -> Bool {
    let wanted = Array(name.utf8)
    var isThere = false
    try forEachExport { isThere = isThere || $0.elementsEqual(wanted) }
    return isThere
  }

  /// Names of the defined symbols that others see.
  package func exported() throws(MimoError) -> [String] {
    var names: [String] = []
    try forEachExport { names.append(String(decoding: $0, as: UTF8.self)) }
    return names
  }

  /// The libraries that are loaded with it.
  package func needed() throws(MimoError) -> [String] {
    var names: [String] = []
    try forEachTable(Kind.dynamic, entry: 16) { (table, start, texts) throws(MimoError) in
      guard number(table, start, 8) == 1 else { return }
      names.append(String(decoding: try text(at: number(table, start + 8, 8), in: texts), as: UTF8.self))
    }
    return names
  }

  private func forEachExport(_ body: (ArraySlice<UInt8>) -> Void) throws(MimoError) {
    var total = 0
    try forEachTable(Kind.dynamicSymbols, entry: 24) { (table, start, texts) throws(MimoError) in
      let (binding, home) = (table[start + 4] >> 4, number(table, start + 6, 2))
      guard binding != 0, home != 0 else { return }
      let name = try text(at: number(table, start, 4), in: texts)
      // Names may share their bytes.
      total += name.count
      guard total <= LibraryFile.tableLimit else { throw unreadable("names without end") }
      body(name)
    }
  }

  /// Hands over each entry of the sections of one type: the section's bytes, where the entry begins, and its texts.
  private func forEachTable(
    _ type: UInt64, entry: Int, _ body: ([UInt8], Int, [UInt8]) throws(MimoError) -> Void
  ) throws(MimoError) {
    let sections = try sections()
    for section in sections where section.type == type {
      guard section.link < sections.count else { throw unreadable("a section without its texts") }
      let (table, texts) = (try bytes(of: section), try bytes(of: sections[Int(section.link)]))
      for start in stride(from: 0, to: table.count / entry * entry, by: entry) { try body(table, start, texts) }
    }
  }

  private func sections() throws(MimoError) -> [Section] {
    let (start, entry, count) = (number(header, 40, 8), number(header, 58, 2), number(header, 60, 2))
    guard entry == 64 else { throw unreadable("no section headers") }
    let table = try bytes(at: start, count: count * entry)
    return stride(from: 0, to: table.count, by: 64).map { place in
      Section(
        type: number(table, place + 4, 4), offset: number(table, place + 24, 8), size: number(table, place + 32, 8),
        link: number(table, place + 40, 4))
    }
  }

  private func bytes(of section: Section) throws(MimoError) -> [UInt8] {
    try bytes(at: section.offset, count: section.size)
  }

  private func bytes(at start: UInt64, count: UInt64) throws(MimoError) -> [UInt8] {
    guard start <= size, count <= size - start else { throw unreadable("a section beyond the end") }
    guard count <= LibraryFile.tableLimit else { throw unreadable("a section of \(count) bytes") }
    return try LibraryFile.read(file, at: start, count: Int(count))
  }

  private static func read(_ file: File, at start: UInt64, count: Int) throws(MimoError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: start) }
    }.get()
    return bytes
  }

  private func text(at start: UInt64, in texts: [UInt8]) throws(MimoError) -> ArraySlice<UInt8> {
    guard start < texts.count, let end = texts[Int(start)...].firstIndex(of: 0) else {
      throw unreadable("a name beyond the end")
    }
    return texts[Int(start)..<end]
  }

  private func number(_ bytes: [UInt8], _ start: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) }
  }

  private func refusal(_ message: String) -> MimoError {
    MimoError(.plugin, message, path: file.path, remedy: "Name the plugin's .so file")
  }

  private func unreadable(_ what: String) -> MimoError {
    MimoError(.plugin, "the library's tables can not be read: \(what)", path: file.path)
  }

  /// e_machine: EM_X86_64 or EM_AARCH64.
  private static var ownMachine: UInt64 {
    #if arch(x86_64)
      62
    #elseif arch(arm64)
      183
    #else
      #error("name the ELF machine number of this architecture")
    #endif
  }
}
