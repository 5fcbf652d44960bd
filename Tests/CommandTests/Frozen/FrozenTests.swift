import Foundation
import Testing

/// ABI 1.0 holds: plugins that were built once work with every later host, and later plugins with that host.
@Suite(.enabled(if: Frozen.runs, "the frozen program and plugins are those of x86-64")) struct FrozenTests {
  @Test func thereAreNineFamilies() { #expect(Frozen.families.count == 9) }

  /// A checkpoint and a layout that its family has.
  struct Conversion: CustomTestStringConvertible {
    var family: String
    var source: String
    var arguments: [String]
    var testDescription: String { "\(family) \(source.split(separator: "/").dropLast().last ?? "") \(arguments[1])" }
  }

  static let conversions: [Conversion] = checkpoints().flatMap { source -> [Conversion] in
    guard let family = ReferenceFolder.plugin(of: source) else { return [] }
    let megatron = "megatron --tp 2 --etp 1 --pad-vocab"
    let layouts =
      switch family {
      case "Qwen3VL": [megatron, "mimo --component language=tp=2,etp=2 --component images=tp=1", "prime"]
      case "DeepSeekV3": [megatron]
      case "Laguna", "AFMoE": ["prime"]
      default: [megatron, "prime"]
      }
    return layouts.map {
      Conversion(family: family, source: source, arguments: ["--to"] + $0.split(separator: " ").map(String.init) + [source])
    }
  }

  /// Two lie in this package, the others beside it.
  private static func checkpoints() -> [String] {
    let golden = ReferenceFolder.golden.root
    let others = ((try? FileManager.default.contentsOfDirectory(atPath: golden)) ?? []).sorted()
    return [Fixtures.dense, Fixtures.experts] + others.map { "\(golden)/\($0)/hf" }
  }

  /// Weights and digests are those that the host of then made with the plugin of then: of the frozen plugin in today's
  /// host, and of today's plugin in the frozen host.
  @Test(arguments: conversions) func everyTensorIsWhatItWas(_ conversion: Conversion) throws {
    let scratch = try Scratch()
    func digests(_ host: URL, _ library: String, _ name: String) throws -> ConversionDigests {
      try ConversionDigests(host: host, library: library, conversion.arguments, to: scratch(name))
    }
    let isPrime = conversion.arguments[1] == "prime"
    let then = try digests(Frozen.host, Frozen.library(conversion.family), "then")
    // Some models have no layout of prime-rl's.
    #expect(then.refusal == nil || (isPrime && then.refusal == 3))
    #expect(try digests(Host.executable, Frozen.library(conversion.family), "later-host") == then)
    #expect(try digests(Frozen.host, Frozen.todays(conversion.family), "later-plugin") == then)
    guard then.refusal == nil else { return }
    #expect(!then.sources.isEmpty && !then.targets.isEmpty)
    // Digests are of what the engine read; these are the bytes on the disk.
    func stored(_ name: String) throws -> TensorFacts {
      try isPrime ? TensorFact.folder(scratch(name)) : TensorFact.distributed(scratch(name))
    }
    for name in ["later-host", "later-plugin"] { expectEqual(try stored(name), try stored("then"), name) }
  }

  @Test func everyFamilyIsConverted() {
    let expected = ReferenceFolder.golden.isPresent ? Frozen.families : ["Qwen3VL"]
    #expect(Set(FrozenTests.conversions.map(\.family)) == Set(expected))
  }
}
