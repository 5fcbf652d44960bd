import Foundation
import MimoJSON
import MimoSystem
import Testing

@testable import MimoPluginHost

/// The plugins of ABI 1.0 declare to today's host, byte for byte, what they declared to the host of their time.
@Suite(.enabled(if: FrozenPlugin.runs, "the frozen program and plugins are those of x86-64")) struct FrozenTests {
  @Test(arguments: FrozenPlugin.all) func declarationsAreWhatTheyWere(_ plugin: FrozenPlugin) throws {
    let info = try PluginLibrary(path: plugin.path).info
    var described = 0
    for (name, model) in try FrozenPlugin.models() {
      guard let architecture = model.architectures.first(where: info.architectures.contains) else { continue }
      for layout in info.layouts {
        let request = DescribeRequest(layout: layout, architecture: architecture, model: model)
        let then = try FrozenPlugin.answer(host: FrozenPlugin.host, plugin.path, request)
        let now = try FrozenPlugin.answer(host: PluginProcess.beside(ProgramPath.running).program, plugin.path, request)
        #expect(now == then, "\(name) \(layout)")
        // A model that a layout can not have is refused in words: an answer like another.
        described += then.isDescribed ? 1 : 0
      }
    }
    #expect(described > 0)
  }
}

/// A library of the fixtures.
struct FrozenPlugin: CustomTestStringConvertible {
  /// All that its process sent, with what the frames are.
  struct Answer: Equatable {
    var bytes: [UInt8] = []
    var frames: [PluginFrame] = []
    var isDescribed: Bool { frames.last == .done && frames.contains(.declarations) }
  }

  static let folder = Places.package.appending(path: "Tests/Fixtures/abi-1.0").path
  static let host = folder + "/mimo-host"
  static let all = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    .filter { $0.hasSuffix(".so") }.map { FrozenPlugin(path: "\(folder)/\($0)") }

  let path: String
  var testDescription: String { FileSystem.split(path).name }

  static var runs: Bool {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }

  /// Every config that there is: with the keys of its checkpoint, and alone.
  static func models() throws -> [(name: String, model: ModelInput)] {
    let fixtures = try Fixture.all.flatMap { name in
      let fixture = try Fixture(name)
      return [(name, fixture.input), ("\(name) alone", ModelInput(config: fixture.config))]
    }
    let configs = Places.package.appending(path: "Tests/Fixtures/configs").path
    let published = try FileSystem.list(configs).sorted().map { file in
      (file, ModelInput(config: try JSONParser.parse(file: "\(configs)/\(file)", options: .nonFiniteNumbers)))
    }
    guard Places.hasGolden else { return fixtures + published }
    let golden = try FileSystem.list(Places.golden.path).sorted().compactMap { name -> (String, ModelInput)? in
      let file = Places.golden.appending(path: "\(name)/hf/config.json").path
      guard FileManager.default.fileExists(atPath: file) else { return nil }
      return (name, ModelInput(config: try JSONParser.parse(file: file, options: .nonFiniteNumbers)))
    }
    return fixtures + published + golden
  }

  static func answer(host: String, _ path: String, _ request: DescribeRequest) throws -> Answer {
    var wire = WireWriter()
    request.write(to: &wire)
    var child = PluginProcess(program: host).child(PluginProcess.command, path)
    // Hosts of that time took the path alone.
    if host == FrozenPlugin.host { child.arguments = [PluginProcess.command, path] }
    var answer = Answer()
    var reader = FrameReader()
    let outcome = try child.run(wire.bytes) { (bytes) throws(MimoError) in
      answer.bytes += bytes
      try reader.append(bytes) { frame, _ in answer.frames.append(frame) }
    }
    try #require(outcome.end == .exited(0))
    return answer
  }
}
