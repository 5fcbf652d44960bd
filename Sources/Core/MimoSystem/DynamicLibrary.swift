import Glibc

/// A loaded shared library; unloaded when it goes out of scope.
package struct DynamicLibrary: ~Copyable {
  package let path: String
  private let handle: UnsafeMutableRawPointer

  /// Loads `path`, after checking that it is a shared library for this machine: dlopen's own words for that are poor.
  package init(_ path: String) throws(MimoError) {
    _ = try LibraryFile(path)
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

  private static func lastError() -> String {
    guard let text = dlerror() else { return "unknown reason" }
    return String(cString: text)
  }
}
