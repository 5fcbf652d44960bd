import Glibc

/// A loaded shared library; unloaded when it goes out of scope.
package struct DynamicLibrary: ~Copyable {
  package let path: String
  private let handle: UnsafeMutableRawPointer

  /// Loads `path`, after checking that it is a shared library for this machine: dlopen's own words for that are poor.
  package init(_ path: String) throws(MimoError) {
    try DynamicLibrary.checkFormat(path)
    // Without a slash dlopen would search the system's folders instead.
    let located = path.utf8.contains(UInt8(ascii: "/")) ? path : "./" + path
    guard let handle = dlopen(located, RTLD_NOW | RTLD_LOCAL) else {
      throw MimoError(
        .plugin, "could not be loaded: \(DynamicLibrary.lastError())", path: path,
        remedy: "Build it again on this machine")
    }
    self.path = path
    self.handle = handle
  }

  deinit { dlclose(handle) }

  /// Address of an exported symbol, valid as long as the library is.
  package func symbol(_ name: String) throws(MimoError) -> UnsafeMutableRawPointer {
    guard let address = dlsym(handle, name) else {
      throw MimoError(
        .plugin, "has no symbol \(name)", path: path, remedy: "Check that it is the library you meant")
    }
    return address
  }

  /// Refuses anything but a regular file with the ELF header of a shared object of this machine.
  ///
  /// Layout: e_ident, e_type and e_machine of the ELF-64 header (System V ABI, chapter 4).
  private static func checkFormat(_ path: String) throws(MimoError) {
    let file = try File.openForReading(path)
    var header = [UInt8](repeating: 0, count: 20)
    let result = header.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.readUpToEnd(into: buffer, at: 0) }
    }
    let count = try result.get()
    guard count == header.count, header[0..<4] == [0x7F, 0x45, 0x4C, 0x46] else {
      throw refusal("is no shared library (it does not begin as an ELF file)", path)
    }
    let littleEndian64: [UInt8] = [2, 1]
    guard header[4..<6] == littleEndian64[...] else { throw refusal("is no 64-bit little-endian library", path) }
    let type = UInt16(header[16]) | UInt16(header[17]) << 8
    let machine = UInt16(header[18]) | UInt16(header[19]) << 8
    guard type == UInt16(ET_DYN) else { throw refusal("is an ELF file, but no shared library", path) }
    guard machine == ownMachine else {
      throw refusal("is a library for another kind of processor (ELF machine \(machine), here \(ownMachine))", path)
    }
  }

  private static func refusal(_ message: String, _ path: String) -> MimoError {
    MimoError(.plugin, message, path: path, remedy: "Name the plugin's .so file")
  }

  private static func lastError() -> String {
    guard let text = dlerror() else { return "unknown reason" }
    return String(cString: text)
  }

  /// e_machine: EM_X86_64 or EM_AARCH64.
  private static var ownMachine: UInt16 {
    #if arch(x86_64)
      62
    #elseif arch(arm64)
      183
    #else
      #error("name the ELF machine number of this architecture")
    #endif
  }
}
