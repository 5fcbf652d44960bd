import Foundation
import MimoJSON
import MimoMapping
import MimoSystem
import Testing

@testable import MimoPluginHost

/// What a plugin's process answers is read as strictly as a file: damaged answers end in words, never in a crash.
struct WireTests {
  /// A sound answer: the table, declarations of each kind, and the end.
  private static let answer: [UInt8] = {
    var info = WireWriter()
    PluginInfo(
      path: "", abi: 1, family: "Toy", version: "1", architectures: ["ToyModel"],
      components: [.init(name: "language", sourcePrefix: "", modalityKey: "", targetModulePath: "language_model")],
      layouts: ["megatron"]
    ).write(to: &info)
    var log = WireWriter()
    for declaration in declarations { declaration.write(to: &log) }
    return PluginFrame.info.bytes(info.bytes) + PluginFrame.declarations.bytes(log.bytes) + PluginFrame.done.bytes([])
  }()

  private static let declarations: [Declaration] = [
    .source("a", .init([4, 6]), published: .bf16), .source("b", .init([4, 6]), published: nil),
    .decode("c", .init([4, 64]), Encoding(.mxfp4, codes: "c_blocks", scales: "c_scales")), .concat([0, 1], dim: 0),
    .narrow(3, dim: 0, start: 0, length: 8), .reshape(4, .init([2, 4, 6])), .permute(5, order: [1, 0, 2]),
    .pad(6, dim: 2, extent: 8), .map(7, .add(-1)), .zeros(.init([0, 3])),
    .target(
      .init(
        component: 0, name: "layers.{layer}.w{expert}", key: "", node: 3, kind: .parameter, dtype: .f32,
        isVocabulary: false, layer: AxisPosition(index: 0, count: 2),
        placement: .init(
          stage: .layer(0), expert: .init(index: 1, count: 4), split: .etp(dim: 0),
          segments: [.init(extent: 4, unit: 2, unitName: "head"), .init(name: "up", extent: 4)]))),
    .target(
      .init(
        component: 0, name: "e", key: "", node: 0, kind: .buffer, dtype: nil, isVocabulary: true, layer: nil,
        placement: .init(stage: .first))),
    .alias(of: 1, name: "head"),
    .stateEntry(.init(component: 0, key: "e._extra_state", layer: nil, expert: AxisPosition(index: 0, count: 1))),
    .drop(DropRule(pattern: "*.inv_freq", reason: "made anew")), .tie(Tie(duplicate: "d", original: "a")),
    .provider("a.B"), .providerField(ProviderField(path: "x", value: .ints([1, -2]))),
    .providerField(ProviderField(path: "y", value: .float(0.5))),
    .configOverride(ConfigOverride(path: "z", value: .remove, reason: "gone")),
  ]

  private func read(_ bytes: [UInt8], portion: Int = 1 << 16) throws(MimoError) -> ModelDescription {
    let answer = PluginAnswer(path: "libToy.so", limit: 1000)
    for start in stride(from: 0, to: bytes.count, by: portion) {
      try answer.receive(bytes[start..<min(start + portion, bytes.count)])
    }
    guard case .success = answer.result else { throw MimoError(.plugin, "no end") }
    return try answer.description()
  }

  @Test(arguments: [1, 7, 1 << 16]) func whatWasDeclaredArrives(portion: Int) throws {
    let model = try read(Self.answer, portion: portion)
    #expect(model.sources.map(\.name) == ["a", "b", "c"])
    #expect(model.sources.map(\.published) == [.bf16, nil, nil])
    let target = try #require(model.targets.first)
    #expect(target.globalName == "layers.0.w1")
    #expect(target.placement.segments.map(\.name) == ["", "up"])
    #expect(target.fragments.map(\.source) == [0, 1])
    #expect(model.aliases.map(\.target) == [1] && model.stateEntries.count == 1 && model.drops.count == 1)
    #expect(model.providerFields.map(\.value) == [.ints([1, -2]), .float(0.5)])
    #expect(model.configOverrides.map(\.value) == [.remove])
  }

  @Test func anAnswerThatEndsTooEarlyIsNone() {
    for count in 0..<Self.answer.count {
      #expect(throws: MimoError.self) { try read(Array(Self.answer[..<count])) }
    }
  }

  /// Each byte in turn, in a few ways: either words or a description whose proofs can be made.
  @Test func noDamageIsACrash() {
    for place in Self.answer.indices {
      for change in [1, 0x80, 0xFF, 0x7F] as [UInt8] {
        var damaged = Self.answer
        damaged[place] ^= change
        guard let model = try? read(damaged) else { continue }
        _ = try? Coverage.prove(model)
      }
    }
  }

  @Test func nothingComesAfterTheEnd() {
    #expect(throws: MimoError.self) { try read(Self.answer + PluginFrame.done.bytes([])) }
    #expect(throws: MimoError.self) { try read(Self.answer + [0]) }
  }

  @Test(arguments: [
    PluginFrame.declarations.bytes([]), PluginFrame.done.bytes([]), PluginFrame.finding.bytes([]), [0, 0, 0, 2, 1],
    [0, 0, 0, 0, 99], [0xFF, 0xFF, 0xFF, 0xFF, 1],
  ]) func aMessageOutOfTurnIsRefused(_ bytes: [UInt8]) {
    let error = #expect(throws: MimoError.self) { try read(bytes) }
    #expect(error?.code == .plugin)
  }

  /// What is made of an answer is larger than the answer: both are bounded.
  @Test func anAnswerWithoutEndIsRefused() throws {
    var frames = FrameReader()
    let frame = PluginFrame.finding.bytes([UInt8](repeating: 0, count: PluginFrame.longest))
    let error = #expect(throws: MimoError.self) {
      for _ in 0...(FrameReader.limit / PluginFrame.longest) { try frames.append(frame[...]) { _, _ in } }
    }
    #expect(error?.description.contains("it never ends") == true)
    var wire = WireWriter()
    wire.data([UInt8](repeating: 0, count: DescribeSession.declarationLimit + 1))
    let long = #expect(throws: MimoError.self) {
      try WireReader.read(wire.bytes) { (wire) throws(MimoError) in try wire.list { (wire) throws(MimoError) in try wire.int() } }
    }
    #expect(long?.description.contains("a list of 2097153 entries") == true)
  }

  @Test(arguments: [0, 1, -1, 63, 64, -64, 300, Int.max, Int.min]) func numbersTravel(_ number: Int) throws {
    var wire = WireWriter()
    wire.int(number)
    #expect(try WireReader.read(wire.bytes) { (wire) throws(MimoError) in try wire.int() } == number)
  }

  @Test func aRequestTravels() throws {
    let config = try JSONParser.parse("{\"a\": [1, 2.50, NaN, \"x\"], \"b\": null}", options: .nonFiniteNumbers)
    let model = ModelInput(
      config: config, sources: ["w": .init([2, 3]), "s": .init([])], options: ["dtype": "bfloat16"])
    var wire = WireWriter()
    DescribeRequest(layout: "mimo", architecture: "A", model: model, limit: 9).write(to: &wire)
    let read = try WireReader.read(wire.bytes) { (wire) throws(MimoError) in try DescribeRequest(from: &wire) }
    #expect(read.model.config == config && read.model.sources == model.sources && read.model.options == model.options)
    #expect(read.layout == "mimo" && read.architecture == "A" && read.limit == 9)
  }
}
