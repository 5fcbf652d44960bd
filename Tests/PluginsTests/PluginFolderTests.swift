import Foundation
import MimoSystem
import Testing

@testable import MimoPluginHost

/// Where plugins are looked for, and what counts as one: nothing is loaded.
struct PluginFolderTests {
  private let root = FileManager.default.temporaryDirectory.appending(path: "mimo-folder-\(UUID())")
  private var plugins: PluginFolder { PluginFolder(executable: path("bin/mimo-host")) }

  private func path(_ name: String) -> String { root.appending(path: name).path }

  private func withFolders(_ body: () throws -> Void) throws {
    defer { try? FileManager.default.removeItem(at: root) }
    for folder in ["bin", "lib/mimo-host"] {
      try FileManager.default.createDirectory(atPath: path(folder), withIntermediateDirectories: true)
    }
    try body()
  }

  private func place(_ library: String = Places.qwen3VL, at name: String) throws {
    try FileManager.default.copyItem(atPath: library, toPath: path(name))
  }

  @Test func pluginsAreFoundBesideTheProgramAndInAFolderOfTheirOwn() throws {
    try withFolders {
      try place(at: "bin/libA.so")
      try place(at: "lib/mimo-host/libB.so")
      try place(at: "lib/mimo-host/libA.so")
      #expect(try plugins.plugins().map(\.path) == [path("bin/libA.so"), path("lib/mimo-host/libB.so")])
      #expect(try plugins.plugins().map(\.family) == ["A", "B"])
      #expect(try plugins.locate("B") == path("lib/mimo-host/libB.so"))
      #expect(try plugins.locate("./my.so") == "./my.so")
      let error = #expect(throws: MimoError.self) { try plugins.locate("Nix") }
      #expect(error?.description.contains("There are A, B") == true)
    }
  }

  /// A folder of everybody's libraries: nothing there is taken for ours.
  @Test func theFormerFolderIsNamedAndNotLookedAt() throws {
    try withFolders {
      try place(at: "lib/libOld.so")
      #expect(try plugins.plugins() == [])
      let error = #expect(throws: MimoError.self) { try plugins.locate("Old") }
      #expect(error?.code == .usage && error?.path == path("lib/libOld.so"))
      #expect(error?.description.contains("Move it to \(path("lib"))/mimo-host") == true, "\(String(describing: error))")
    }
  }

  @Test(.enabled(if: ToyPlugin.compiler != nil, "a C compiler is needed to make the libraries"))
  func onlyLibrariesWithAPluginsEntryAreListed() throws {
    try withFolders {
      try place(try ToyPlugin.path(fault: 0), at: "bin/libToy.so")
      try place(try ToyPlugin.path(fault: 0, flags: ["-DNO_ENTRY"]), at: "bin/libOther.so")
      try place(at: "bin/Qwen3VL.so")
      try Data("text".utf8).write(to: URL(filePath: path("bin/libText.so")))
      try Data().write(to: URL(filePath: path("bin/libEmpty.so")))
      try FileManager.default.createDirectory(atPath: path("bin/libFolder.so"), withIntermediateDirectories: false)
      mkfifo(path("bin/libPipe.so"), 0o600)
      symlink(path("nowhere"), path("bin/libBroken.so"))
      #expect(try plugins.plugins().map(\.family) == ["Toy"])
    }
  }
}
