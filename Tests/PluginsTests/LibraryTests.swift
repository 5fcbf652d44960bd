import Foundation
import Testing

/// The built library itself.
struct LibraryTests {
  static let readelf = ["/usr/bin/readelf", "/usr/bin/llvm-readelf"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  private func output(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.readelf))
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  @Test(.enabled(if: Self.readelf != nil, "readelf is needed")) func needsLibcOnly() throws {
    let needed = try output(["-d", Places.qwen3VL]).split(separator: "\n").filter { $0.contains("(NEEDED)") }
    #expect(needed.count == 1)
    #expect(needed.first?.contains("[libc.so.6]") == true)
  }

  @Test(.enabled(if: Self.readelf != nil, "readelf is needed")) func exportsTheEntryOnly() throws {
    let exported = try output(["--dyn-syms", "--wide", Places.qwen3VL]).split(separator: "\n").filter {
      $0.contains(" GLOBAL ") && !$0.contains(" UND ")
    }
    #expect(exported.count == 1)
    #expect(exported.first?.hasSuffix(" mimo_plugin_entry") == true)
  }

  @Test func saysWhatItIs() throws {
    let info = try Described.plugin().info
    #expect(info.family == "Qwen3VL")
    #expect(info.architectures.count == 4)
    #expect(info.components.map(\.name) == ["language", "images"])
    #expect(info.components.map(\.sourcePrefix) == ["language_model.", "vision_model."])
    #expect(
      info.components.map(\.targetModulePath) == ["language_model", "modality_submodules.images.encoders.qwen_visual"])
    #expect(info.layouts == ["mimo", "megatron", "prime"])
  }

  /// The same config gives the same calls, as often as it is asked.
  @Test func describesTheSameTwice() throws {
    let fixture = try Fixture("qwen3_5_vl_moe")
    let first = try Described(fixture, layout: "megatron").model
    let second = try Described(fixture, layout: "megatron").model
    #expect(first.sources == second.sources)
    #expect(first.targets.map(\.fragments) == second.targets.map(\.fragments))
    #expect(first.stateEntries == second.stateEntries)
  }
}
