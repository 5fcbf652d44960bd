import Glibc

/// Questions to and changes of the file system, by path.
package enum FileSystem {
  /// What lies at `path`; a symbolic link itself is described, not its target.
  package static func info(at path: String) throws(MimoError) -> FileInfo {
    try SystemCalls.check(path: path)
    return try info(Location(entry: path))
  }

  private static func info(_ place: Location) throws(MimoError) -> FileInfo {
    var record = stat()
    _ = try SystemCalls.run(.lstat, path: place.path) {
      fstatat(place.start, place.name, &record, AT_SYMLINK_NOFOLLOW)
    }
    return FileInfo(record)
  }

  /// What `path` leads to, symbolic links followed.
  package static func infoFollowingLinks(at path: String) throws(MimoError) -> FileInfo {
    try SystemCalls.check(path: path)
    let place = Location(path)
    var record = stat()
    _ = try SystemCalls.run(.stat, path: path) { fstatat(place.start, place.name, &record, 0) }
    return FileInfo(record)
  }

  /// Whether anything lies at `path`, be it a symbolic link that leads nowhere.
  package static func exists(_ path: String) throws(MimoError) -> Bool {
    try SystemCalls.check(path: path)
    let place = Location(entry: path)
    var record = stat()
    let (result, code) = SystemCalls.attempt(.lstat, path: path) {
      fstatat(place.start, place.name, &record, AT_SYMLINK_NOFOLLOW)
    }
    if result == 0 { return true }
    if code == ENOENT || code == ENOTDIR { return false }
    throw SystemCalls.failure(.lstat, code, path: path)
  }

  package static func isDirectory(_ path: String) throws(MimoError) -> Bool {
    guard try exists(path) else { return false }
    return try infoFollowingLinks(at: path).kind == .directory
  }

  /// Names in a folder, without `.` and `..`, sorted by their bytes.
  package static func list(_ directory: String) throws(MimoError) -> [String] {
    try SystemCalls.check(path: directory)
    return try list(Location(directory))
  }

  private static func list(_ place: Location) throws(MimoError) -> [String] {
    let directory = place.path
    let raw = try SystemCalls.run(.opendir, path: directory) {
      openat(place.start, place.name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC)
    }
    let descriptor = try FileDescriptor.taking(raw, path: directory).release()
    guard let stream = fdopendir(descriptor) else {
      let code = errno
      close(descriptor)
      throw SystemCalls.failure(.opendir, code, path: directory)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let name = try nextName(stream, directory) {
      if name != "." && name != ".." { names.append(name) }
    }
    names.sort(by: bytewiseLess)
    return names
  }

  /// Bytes of the disk that a file or folder takes with all that is in it.
  package static func allocatedBytes(_ path: String) throws(MimoError) -> UInt64 {
    let info = try info(at: path)
    guard info.kind == .directory else { return info.allocated }
    var sum: UInt64 = 0
    for name in try list(path) { sum = sum.addingReportingOverflow(try allocatedBytes(join(path, name))).partialValue }
    return sum
  }

  package static func createDirectory(_ path: String) throws(MimoError) {
    guard try makeDirectory(path) else { throw SystemCalls.failure(.mkdir, EEXIST, path: path) }
  }

  /// Makes a folder; false when anything of that name is there.
  ///
  /// - Parameter mode: before the umask; nil for what the folder around it says.
  static func makeDirectory(_ path: String, mode: mode_t? = nil) throws(MimoError) -> Bool {
    try SystemCalls.check(path: path)
    let place = Location(entry: path)
    let (result, code) = SystemCalls.attempt(.mkdir, path: path, change: { _ in .madeFolder(path) }) {
      mkdirat(place.start, place.name, mode ?? place.modes.folder)
    }
    if result == 0 { return true }
    if code == EEXIST { return false }
    throw SystemCalls.failure(.mkdir, code, path: path)
  }

  /// Makes `path` and those of its parents that are missing.
  package static func createDirectories(_ path: String) throws(MimoError) {
    if try isDirectory(path) { return }
    let (parent, _) = split(path)
    if parent != path && parent != "." { try createDirectories(parent) }
    // Another process may make it meanwhile: only a failure that leaves no folder is one.
    if try makeDirectory(path) { return }
    guard try isDirectory(path) else { throw SystemCalls.failure(.mkdir, EEXIST, path: path) }
  }

  package static func removeFile(_ path: String) throws(MimoError) {
    try SystemCalls.check(path: path)
    try removeFile(Location(entry: path))
  }

  private static func removeFile(_ place: Location) throws(MimoError) {
    _ = try SystemCalls.run(.unlink, path: place.path, change: { _ in .removeFile(path: place.path) }) {
      unlinkat(place.start, place.name, 0)
    }
  }

  /// Removes a file, a link (never what it leads to) or a folder with all that is in it; nothing there is no error.
  package static func removeTree(_ path: String) throws(MimoError) {
    guard try exists(path) else { return }
    try removeTree(Location(entry: path))
  }

  /// Through the descriptors of the folders: what others make of a name meanwhile leads nowhere.
  private static func removeTree(_ place: Location) throws(MimoError) {
    guard try info(place).kind == .directory else { return try removeFile(place) }
    let folder = try FileDescriptor.open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    for name in try list(Location(".", in: folder, path: place.path)) {
      try removeTree(Location(name, in: folder, path: join(place.path, name)))
    }
    _ = try SystemCalls.run(.rmdir, path: place.path, change: { _ in .removeFolder(path: place.path) }) {
      unlinkat(place.start, place.name, AT_REMOVEDIR)
    }
  }

  /// Renames; an existing file (or empty folder) at `destination` is replaced, as by rename(2).
  package static func rename(_ source: String, to destination: String) throws(MimoError) {
    try SystemCalls.check(path: source)
    try SystemCalls.check(path: destination)
    let (from, to) = (Location(entry: source), Location(entry: destination))
    _ = try SystemCalls.run(.rename, path: destination, change: { _ in .rename(from: source, to: destination) }) {
      renameat(from.start, from.name, to.start, to.name)
    }
  }

  /// Renames, and fails when anything lies at `destination`.
  package static func renameNoReplace(_ source: String, to destination: String) throws(MimoError) {
    try SystemCalls.check(path: source)
    try SystemCalls.check(path: destination)
    if let renameat2 = LinuxCalls.renameat2 {
      let (from, to) = (Location(entry: source), Location(entry: destination))
      let (result, code) = SystemCalls.attempt(
        .rename, path: destination, change: { _ in .rename(from: source, to: destination) }
      ) {
        renameat2(from.start, from.name, to.start, to.name, LinuxCalls.renameNoReplaceFlag)
      }
      if result == 0 { return }
      // File systems without the flag (old NFS, FUSE) say EINVAL; old kernels ENOSYS.
      guard code == EINVAL || code == ENOSYS || code == ENOTSUP else {
        throw SystemCalls.failure(.rename, code, path: destination)
      }
    }
    if try exists(destination) { throw SystemCalls.failure(.rename, EEXIST, path: destination) }
    try rename(source, to: destination)
  }

  /// Waits until the names in a folder are on the disk.
  package static func syncDirectory(_ path: String) throws(MimoError) {
    let descriptor = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
    let raw = descriptor.raw
    let (result, code) = SystemCalls.attempt(.fsync, path: path, change: { _ in .synced(.fsync, path, raw) }) {
      fsync(raw)
    }
    // Some network file systems have no fsync of folders and say EINVAL: nothing can be done there.
    if result == -1 && code != EINVAL { throw SystemCalls.failure(.fsync, code, path: path) }
  }

  /// Bytes that an ordinary user may still write on the file system of `path`.
  package static func freeSpace(at path: String) throws(MimoError) -> UInt64 {
    try SystemCalls.check(path: path)
    let place = Location(path)
    var record = statvfs()
    _ = try SystemCalls.run(.statvfs, path: path) {
      place.isHeldItself ? fstatvfs(place.start, &record) : statvfs(path, &record)
    }
    let (bytes, overflow) = UInt64(record.f_bavail).multipliedReportingOverflow(by: UInt64(record.f_frsize))
    return overflow ? .max : bytes
  }

  private static func nextName(_ stream: OpaquePointer, _ directory: String) throws(MimoError) -> String? {
    var entry: UnsafeMutablePointer<dirent>?
    // readdir returns nil both at the end and on failure; only errno tells them apart.
    _ = try SystemCalls.run(.readdir, path: directory) { () -> CInt in
      errno = 0
      entry = readdir(stream)
      return entry == nil && errno != 0 ? -1 : 0
    }
    guard let entry else { return nil }
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(validating: bytes.prefix(while: { $0 != 0 }), as: UTF8.self)
    }
    guard let name else {
      throw MimoError(
        .invalidInput, "folder holds a name that is not UTF-8", path: directory, remedy: "Rename or remove that file")
    }
    return name
  }
}

/// Order of names by their UTF-8 bytes, as Python sorts strings and unlike Swift's own `<`.
package func bytewiseLess(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
