import Glibc

/// How a file is written fastest on the file system that it lies on.
struct WritePolicy: Sendable {
  /// One call's share of a longer write.
  struct Piece {
    var count: Int
    /// Starts on its way to the disk at once, and leaves the page cache when it is there.
    var passesThrough: Bool
  }

  /// Threads take turns. A local file system lets one thread write a file at a time; those that wait for it spin, and pieces
  /// of several runs alternate.
  let isInTurn: Bool
  /// Most bytes of one write through the page cache: what a network file system asks for (its transfers, 1 MiB and more),
  /// else 16 KiB.
  ///
  /// Larger writes to local disks are slower where Linux (6.18 here) takes page cache in pieces of about a write's length:
  /// large ones are searched for longer and, on a virtual machine that hands free memory back to its host, faulted in
  /// anew. 4.9 GB on ext4, `dd if=FILE of=OUT bs=N`: 2.1 to 4.9 s at 16 KiB, 3.9 to 12.1 s at 32 KiB to 16 MiB.
  private let cachedSize: Int
  /// What the page cache keeps track of.
  private let blockSize: Int

  private static let localSize = 16 << 10
  /// Shorter runs are better gathered in the page cache.
  private static let leastRun = 256 << 10
  /// Longest piece that passes through: a disk's queues are full, and no thread waits long for its turn.
  private static let passingSize = 4 << 20

  init(for descriptor: CInt, path: String) throws(MimoError) {
    var record = stat()
    _ = try SystemCalls.run(.fstat, path: path) { fstat(descriptor, &record) }
    let asked = max(1, Int(clamping: record.st_blksize))
    isInTurn = asked <= WritePolicy.localSize
    cachedSize = max(WritePolicy.localSize, asked)
    blockSize = max(asked, Int(sysconf(CInt(_SC_PAGESIZE))))
  }

  /// The piece of a run of bytes for `position` that comes next, when `left` of its `total` bytes are left.
  ///
  /// What passes through are whole blocks, so that nothing else writes to a page that is on its way out: neighbours
  /// may fill the rest of its block at the same time.
  func piece(at position: UInt64, left: Int, of total: Int, canPassThrough: Bool) -> Piece {
    guard canPassThrough, isInTurn, total >= WritePolicy.leastRun else {
      return Piece(count: min(left, cachedSize), passesThrough: false)
    }
    let begun = Int(position % UInt64(blockSize))
    if begun > 0 { return Piece(count: min(left, blockSize - begun), passesThrough: false) }
    let whole = min(left, WritePolicy.passingSize) / blockSize * blockSize
    return whole > 0 ? Piece(count: whole, passesThrough: true) : Piece(count: left, passesThrough: false)
  }
}
