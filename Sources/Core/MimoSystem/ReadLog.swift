import MimoChecksum
import Synchronization

/// What a run reads of its sources besides the weights that it moves: which bytes of which files, and their digest, so that
/// they can be read again and compared.
///
/// Every file below its roots that is opened for reading is noted, from its making until it is gone: no reader must know
/// of it, so that none can be forgotten.
package final class ReadLog: Sendable {
  private let book: Book

  /// - Parameter roots: files and folders.
  package init(of roots: [String]) {
    book = Book(roots: roots)
    ReadLog.books.withLock { $0.append(book) }
    ReadLog.count.add(1, ordering: .relaxed)
  }

  deinit {
    ReadLog.books.withLock { books in books.removeAll { $0 === book } }
    ReadLog.count.subtract(1, ordering: .relaxed)
  }

  /// The file as it was when it was first opened; nil when it was not.
  package func firstLook(at path: String) -> FileInfo? { book.pages.withLock { $0[path]?.first } }

  /// All files that were opened, as they were then.
  package var firstLooks: [(path: String, info: FileInfo)] {
    book.pages.withLock { pages in pages.values.map { ($0.path, $0.first) } }
  }

  /// Reads again what was read of a file, and returns how much that was.
  ///
  /// - Parameter refusal: the error for bytes that are others now.
  package func readAgain(
    _ path: String, refusal: (Range<UInt64>) -> MimoError
  ) throws(MimoError) -> Int {
    guard let page = book.pages.withLock({ $0[path] }) else { return 0 }
    let reads = page.reads.withLock { $0 }
    guard !reads.isEmpty else { return 0 }
    let file = try File.openForTransfer(path, in: .shared)
    var sum = 0
    for read in reads {
      let range = read.start..<(read.start + UInt64(read.count))
      guard try file.digest(of: range) == read.digest else { throw refusal(range) }
      sum += Int(read.count)
    }
    return sum
  }

  // MARK: -

  /// What was read of one file.
  final class Page: Sendable {
    let path: String
    let first: FileInfo
    fileprivate let reads = Mutex<[Read]>([])

    fileprivate init(_ path: String, _ first: FileInfo) {
      self.path = path
      self.first = first
    }

    /// Notes bytes that were read.
    func add(_ bytes: UnsafeRawBufferPointer, at start: UInt64) {
      var done = 0
      while done < bytes.count {
        let count = min(bytes.count - done, Page.largestRead)
        let digest = mimo_crc32(0, bytes.baseAddress.map { $0 + done }, count)
        let read = Read(start: start + UInt64(done), count: UInt32(count), digest: digest)
        reads.withLock { $0.append(read) }
        done += count
      }
    }

    private static let largestRead = 1 << 30
  }

  /// A checkpoint may have a million items, and each is looked at in some reads: 16 bytes a read.
  fileprivate struct Read {
    var start: UInt64
    var count: UInt32
    var digest: UInt32
  }

  private final class Book: Sendable {
    let roots: [String]
    let pages = Mutex<[String: Page]>([:])

    init(roots: [String]) { self.roots = roots }

    func concerns(_ path: String) -> Bool {
      roots.contains { path == $0 || (path.hasPrefix($0) && path.utf8.dropFirst($0.utf8.count).first == UInt8(ascii: "/")) }
    }

    func page(_ path: String, _ info: FileInfo) -> Page {
      pages.withLock { pages in
        if let known = pages[path] { return known }
        let page = Page(path, info)
        pages[path] = page
        return page
      }
    }
  }

  private static let books = Mutex<[Book]>([])
  /// Logs that there are: none costs one relaxed load a file.
  private static let count = Atomic<Int>(0)

  /// The pages that reads of a file go on.
  static func pages(for path: String, _ info: FileInfo) -> [Page] {
    guard count.load(ordering: .relaxed) > 0 else { return [] }
    return books.withLock { books in books.filter { $0.concerns(path) } }.map { $0.page(path, info) }
  }
}

extension File {
  /// CRC-32 of a stretch of the file.
  fileprivate func digest(of range: Range<UInt64>) throws(MimoError) -> UInt32 {
    var buffer = [UInt8](repeating: 0, count: Int(min(1 << 20, UInt64(range.count))))
    var digest: UInt32 = 0
    var position = range.lowerBound
    while position < range.upperBound {
      let count = Int(min(UInt64(buffer.count), range.upperBound - position))
      try buffer.withUnsafeMutableBytes { bytes in
        capture { () throws(MimoError) in
          let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
          try read(into: part, at: position)
          digest = mimo_crc32(digest, part.baseAddress, count)
        }
      }.get()
      position += UInt64(count)
    }
    return digest
  }
}
