import Glibc

/// How a file is written fastest on the file system that it lies on.
struct WritePolicy: Sendable {
  /// Most bytes of one write: what a network file system asks for (its transfers, 1 MiB and more), else 16 KiB.
  ///
  /// Larger writes to local disks are slower where Linux (6.18 here) takes page cache in pieces of about a write's length:
  /// large ones are searched for longer and, on a virtual machine that hands free memory back to its host, faulted in
  /// anew. 4.9 GB on ext4, `dd if=FILE of=OUT bs=N`: 2.1 to 4.9 s at 16 KiB, 3.9 to 12.1 s at 32 KiB to 16 MiB.
  let size: Int
  /// Threads take turns. A local file system lets one thread write a file at a time; those that wait for it spin, and pieces
  /// of several runs alternate.
  let isInTurn: Bool

  private static let localSize = 16 << 10

  init(for descriptor: CInt, path: String) throws(MimoError) {
    var record = stat()
    _ = try SystemCalls.run(.fstat, path: path) { fstat(descriptor, &record) }
    let asked = Int(clamping: record.st_blksize)
    size = max(WritePolicy.localSize, asked)
    isInTurn = asked <= WritePolicy.localSize
  }
}
