import Foundation
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import Testing

/// Models in their published sizes, described from their config alone.
struct PublishedModelTests {
  struct Published: CustomTestStringConvertible {
    let name: String
    let family: String
    /// Elements of the weights as published, without scales of quantised ones.
    let parameters: Int
    var layout = "megatron"
    /// Of those, what is stored twice.
    var repeated = 0
    /// What the published number leaves out because it is no parameter.
    var buffers = 0

    var testDescription: String { name }
  }

  static let models = [
    Published(name: "Qwen3-235B-A22B", family: "Qwen3MoE", parameters: 235_093_634_560),
    Published(name: "Qwen3-30B-A3B", family: "Qwen3MoE", parameters: 30_532_122_624),
    // The prediction layer repeats embedding and output layer: 2 x vocabulary x hidden.
    Published(name: "GLM-4.5", family: "GLM4MoE", parameters: 358_337_791_296, repeated: 2 * 151_552 * 5120),
    Published(name: "MiniMax-M2", family: "MiniMaxM2", parameters: 228_689_764_864),
    // 671,026,419,200 of the model, 11,610,068,224 of the prediction layer's own.
    Published(name: "DeepSeek-V3", family: "DeepSeekV3", parameters: 684_489_845_504, repeated: 2 * 129_280 * 7168),
    // The correction biases of 23 layers of 128 experts.
    Published(
      name: "NVIDIA-Nemotron-3-Nano-30B-A3B", family: "NemotronH", parameters: 31_577_937_344, buffers: 23 * 128),
    Published(name: "Nemotron-H-8B-Base-8K", family: "NemotronH", parameters: 8_100_852_736),
    // MXFP4 on disk; the numbers are those of the decoded weights.
    Published(name: "gpt-oss-20b", family: "GPTOSS", parameters: 20_914_757_184),
    Published(name: "gpt-oss-120b", family: "GPTOSS", parameters: 116_829_156_672),
    // Model cards say 33B and 6B; these are the sums over the shapes of the reference's modules.
    Published(name: "Laguna-XS-2.1", family: "Laguna", parameters: 33_442_617_088, layout: "prime"),
    Published(name: "Trinity-Nano", family: "AFMoE", parameters: 6_120_003_328, layout: "prime"),
  ]

  @Test(arguments: models) func parametersAreThePublishedOnes(_ published: Published) throws {
    let path = Places.package.appending(path: "Tests/Fixtures/configs/\(published.name).json").path
    let config = try JSONParser.parse(try FileSystem.readSmallFile(path), options: .nonFiniteNumbers)
    let model = try Described(ModelInput(config: config), layout: published.layout, family: published.family).model
    let declared = model.sources.reduce(0) { $0 + ($1.shape.elementCount ?? 0) }
    #expect(declared == published.parameters - published.repeated + published.buffers)
    let stored = model.targets.reduce(0) { $0 + ($1.shape.elementCount ?? 0) }
    #expect(stored == declared)
  }
}
