import MimoParallel
import Testing

@testable import mimo_host

private func parse<Options: CommandOptions>(_ line: String, as type: Options.Type = Options.self) throws -> Options {
  switch try ArgumentParser<Options>.parse(line.split(separator: " ").map(String.init)) {
  case .options(let options): return options
  case .help: throw BadValue("help")
  }
}

@Suite struct ParsedOptionsTests {
  @Test func convertTakesEveryOption() throws {
    let options: ConvertOptions = try parse(
      """
      --plugin Qwen3VL --to=ranks --from hf --component language=tp=4,pp=2 --component=images=tp=1 --world-size 9 \
      --pad-vocab --dtype bf16 --memory 1GiB --jobs 3 --overwrite --json -q --hf-config C IN OUT
      """)
    #expect(options.plugin == "Qwen3VL")
    #expect(options.target == .ranks)
    #expect(options.sourceFormat == .hf)
    #expect(options.worldSize == 9)
    #expect(options.layout.padVocabulary)
    #expect(options.dtype?.dtype == .bf16)
    #expect(options.run.memory == 1 << 30)
    #expect(options.run.jobs == 3)
    #expect(options.overwrite && options.run.json && options.run.quiet)
    #expect(options.configFolder == "C")
    #expect((options.source, options.output) == ("IN", "OUT"))
    guard case .mimo(let components) = options.layoutRequest else { throw BadValue("single") }
    #expect(components.map(\.name) == ["language", "images"])
    #expect(components[0][.pp] == 2)
  }

  @Test func aSingleModelKeepsWhatIsLeftOutOpen() throws {
    let options: ConvertOptions = try parse("--plugin P --to megatron --tp 2 --pp-last 3 IN OUT")
    guard case .single(let request) = options.layoutRequest else { throw BadValue("mimo") }
    #expect(request == ClusterLayout.SingleRequest(tp: 2, ppLast: 3))
    #expect(options.run.memory == 512 << 20)
    #expect(options.run.jobs == nil)
    #expect(options.sourceFormat == nil)
  }

  @Test func aFolderHasNoLayout() throws {
    let options: ConvertOptions = try parse(
      "--plugin P --to hf --expert-storage packed-transposed --max-shard-size 5GB IN OUT")
    #expect(options.layoutRequest == nil)
    #expect(options.expertStorage?.contractName == "packed_transposed")
    #expect(options.maxShardSize == 5_000_000_000)
  }

  @Test func optionsMayFollowOperandsAndTwoDashesEndThem() throws {
    let options: ConvertOptions = try parse("IN --plugin P --to hf -- --json")
    #expect(options.output == "--json")
    #expect(!options.run.json)
  }

  @Test func planNeedsNoOutput() throws {
    let options: PlanOptions = try parse("--plugin P --to megatron IN")
    #expect((options.conversion.source, options.conversion.output) == ("IN", ""))
    let withOutput: PlanOptions = try parse("--plugin P --to megatron --json IN OUT")
    #expect(withOutput.conversion.output == "OUT")
    #expect(withOutput.conversion.run.json)
  }

  @Test func synthHasASeed() throws {
    let options: SynthOptions = try parse("--plugin P --config c.json --seed 18446744073709551615 OUT")
    #expect(options.seed == .max)
    #expect(options.config == "c.json")
    #expect(try parse("--plugin P --config c.json OUT", as: SynthOptions.self).seed == 0)
  }

  @Test(arguments: [("1", 1), ("86400", 86_400)]) func aPluginsTimeIsInSeconds(_ text: String, seconds: Int) throws {
    let options: VerifyOptions = try parse("--plugin P --plugin-timeout \(text) A")
    #expect(options.pluginTimeout?.duration == .seconds(seconds))
    #expect(try parse("--plugin P A", as: VerifyOptions.self).pluginTimeout == nil)
  }

  @Test(arguments: ["0", "-1", "+5", "1.5", "86401", "1m", "99999999999999999999"]) func otherTimesAreRefused(_ text: String) {
    #expect(throws: (any Error).self) { try parse("--plugin P --plugin-timeout \(text) A", as: VerifyOptions.self) }
  }

  @Test func everyOptionHasANameOfItsOwn() {
    func check<Options: CommandOptions>(_ type: Options.Type) {
      let names = Options.spec.options.flatMap { [$0.name, $0.short].compactMap { $0 } } + ["--help", "-h"]
      #expect(Set(names).count == names.count, "\(Options.spec.name)")
    }
    check(ConvertOptions.self)
    check(PlanOptions.self)
    check(InspectOptions.self)
    check(VerifyOptions.self)
    check(SynthOptions.self)
    check(PluginListOptions.self)
    check(PluginDescribeOptions.self)
  }
}

@Suite struct NearestNameTests {
  @Test(arguments: [
    ("--plgin", "--plugin"), ("--tpp", "--tp"), ("--compnent", "--component"), ("--etpp", "--etp"),
    ("--ovrewrite", "--overwrite"), ("--pad_vocab", "--pad-vocab"), ("--colour", nil),
  ] as [(String, String?)])
  func findsWhatWasMeant(written: String, meant: String?) {
    #expect(nearestName(to: written, among: ConvertOptions.spec.options.map(\.name)) == meant)
  }

  @Test func longWordsAreNotCompared() {
    #expect(nearestName(to: String(repeating: "x", count: 100_000), among: ["--plugin"]) == nil)
  }
}
