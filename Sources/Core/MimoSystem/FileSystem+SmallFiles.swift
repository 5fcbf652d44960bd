import Glibc

extension FileSystem {
  /// Bytes of values that a byte of JSON becomes at most: short numbers in lists.
  private static let bytesOfValues = 24

  /// All bytes of a file that must not be larger than `limit`.
  package static func readSmallFile(_ path: String, limit: Int = 64 << 20) throws(MimoError) -> [UInt8] {
    let file = try File.openForReading(path)
    let size = try file.size()
    guard size <= UInt64(limit) else {
      throw MimoError(
        .invalidInput, "file has \(size) bytes, at most \(limit) are expected", path: path,
        remedy: "Check that this is the right file")
    }
    try InputMemory.check(size, times: bytesOfValues, path: path)
    var failure: MimoError?
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      switch capture({ () throws(MimoError) in try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0) }) {
      case .success: count = buffer.count
      case .failure(let error): failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Makes a new file with these bytes. Publication waits until they are on the disk.
  package static func writeSmallFile(_ path: String, _ bytes: [UInt8]) throws(MimoError) {
    let file = try File.create(path)
    try file.write(bytes, at: 0)
  }

  /// Copies a file (a symbolic link's target) to a new one, which is as closed to others; the number of bytes.
  @discardableResult
  package static func copyFile(_ source: String, to destination: String) throws(MimoError) -> UInt64 {
    let input = try File.openForReading(source)
    let info = try input.info()
    let size = info.size
    let output = try File.create(destination, mode: OutputModes.copy(of: info))
    var done = try copyInKernel(input, output, size)
    try input.noteCopy(output, done)
    if done < size { done += try copyThroughBuffer(input, output, from: done, size) }
    return done
  }

  /// As far as copy_file_range gets: it shares blocks where the file system can, and may not work at all.
  private static func copyInKernel(_ input: File, _ output: File, _ size: UInt64) throws(MimoError) -> UInt64 {
    guard let copyFileRange = LinuxCalls.copyFileRange else { return 0 }
    var done: UInt64 = 0
    while done < size {
      var from = off_t(done)
      var to = off_t(done)
      let asked = Int(min(size - done, 1 << 30))
      let start = done
      let (count, code) = try input.withDescriptor { source throws(MimoError) in
        try output.withDescriptor { target throws(MimoError) in
          SystemCalls.attempt(
            .copyFileRange, path: output.path, change: { .copied(target, at: start, count: $0) }
          ) { copyFileRange(source, &from, target, &to, asked, 0) }
        }
      }
      if count > 0 {
        done += UInt64(count)
        continue
      }
      switch code {
      // Not possible between these two files, or an empty answer (some kernels on network file systems).
      case 0, EXDEV, EINVAL, ENOSYS, ENOTSUP, EBADF, EPERM: return done
      default: throw SystemCalls.failure(.copyFileRange, code, path: output.path, byte: done)
      }
    }
    return done
  }

  private static func copyThroughBuffer(
    _ input: File, _ output: File, from start: UInt64, _ size: UInt64
  ) throws(MimoError) -> UInt64 {
    let buffer = try RawMemory.allocate(1 << 20)
    defer { RawMemory.free(buffer) }
    var position = start
    while position < size {
      let count = Int(min(size - position, UInt64(buffer.count)))
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      try input.read(into: part, at: position)
      try output.write(UnsafeRawBufferPointer(part), at: position)
      position += UInt64(count)
    }
    return position - start
  }
}
