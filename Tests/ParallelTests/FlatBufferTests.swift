import Foundation
import MimoTensor
import Testing

@testable import MimoParallel

/// A module that megatron-core shared out; see Fixtures/make_flat_buffers.py.
struct SharedModule: Decodable, CustomTestStringConvertible {
  struct Parameter: Decodable {
    var name: String
    var shape: [Int]
    /// Elements that each rank holds.
    var held: [[Int]]
  }

  var ranks: Int
  var parameters: [Parameter]

  var testDescription: String { "\(ranks) ranks, \(parameters.count) parameters from \(parameters[0].shape) on" }

  static let all: [SharedModule] = {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/flat_buffers.json")
    guard let data = try? Data(contentsOf: path) else { return [] }
    return (try? JSONDecoder().decode([SharedModule].self, from: data)) ?? []
  }()
}

@Suite struct FlatBufferTests {
  @Test func thereAreCases() { #expect(SharedModule.all.count > 100) }

  /// Megatron-FSDP can not run what it cuts inside a row: there, the row goes to the rank that has its beginning.
  @Test(arguments: SharedModule.all) func rowsAreCutWhereMegatronCutsThem(_ module: SharedModule) throws {
    let parameters = module.parameters.map { parameter in
      FSDPBuckets.Parameter(
        name: parameter.name, dtype: .bf16, shape: LocalShape(DimVector(exactly: parameter.shape) ?? []),
        expertRank: parameter.name.contains(".experts.") ? 0 : nil)
    }
    let buckets = try FSDPBuckets(parameters, ranks: (module.ranks, module.ranks))
    for (parameter, cuts) in zip(module.parameters, buckets.cuts) {
      let row = parameter.shape.dropFirst().reduce(1, *)
      let expected = parameter.held.map { held in (held[0] + row - 1) / row..<(held[1] + row - 1) / row }
      for rank in 0..<module.ranks where !expected[rank].isEmpty || !cuts[rank].isEmpty {
        #expect(cuts[rank] == expected[rank], "\(parameter.name) of \(parameter.shape) on rank \(rank)")
      }
    }
  }

  @Test(arguments: SharedModule.all) func eachRowIsOneRanks(_ module: SharedModule) throws {
    let buffer = try FlatBuffer(module.parameters.map { LocalShape(DimVector(exactly: $0.shape) ?? []) })
    for (item, parameter) in module.parameters.enumerated() {
      let cuts = try buffer.cuts(of: item, over: module.ranks)
      #expect((0..<module.ranks).flatMap { Array(cuts[$0]) } == Array(0..<parameter.shape[0]))
    }
  }

  @Test(arguments: [
    ("decoder.layers.12.mlp.linear_fc1.weight", "decoder.layers.12"),
    ("vision_model.decoder.layers.0.mlp.linear_fc1.bias", "vision_model.decoder.layers.0"),
    ("mtp.layers.0.mtp_model_layer.mlp.linear_fc1.weight", "mtp.layers.0.mtp_model_layer"),
    ("mtp.layers.0.mtp_model_layer.layers.1.mlp.linear_fc1.weight", "mtp.layers.0.mtp_model_layer.layers.1"),
    ("mtp.layers.0.eh_proj.weight", nil), ("embedding.word_embeddings.weight", nil), ("decoder.final_layernorm.weight", nil),
  ]) func aLayerIsAUnit(name: String, unit: String?) {
    #expect(FSDPBuckets.unit(of: name).map(String.init) == unit)
  }

  @Test func whatHasNoRowsIsRefused() {
    #expect(throws: (any Error).self) { try FlatBuffer([LocalShape([0, 4])]) }
    #expect(throws: (any Error).self) { try FlatBuffer([LocalShape([4, 0])]) }
  }
}
