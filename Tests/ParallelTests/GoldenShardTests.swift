import Foundation
import MimoTensor
import Testing

@testable import MimoParallel

/// Just enough of a safetensors file to compare tensors: names, shapes and bytes.
private struct Tensors {
  var shapes: [String: [Int]] = [:]
  private var ranges: [String: Range<Int>] = [:]
  private let data: Data

  init(_ path: String) throws {
    data = try Data(contentsOf: Golden.folder.appending(path: path))
    let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: data.subdata(in: 8..<(8 + length))) as? [String: [String: Any]])
    for (name, entry) in header where name != "__metadata__" {
      shapes[name] = try #require(entry["shape"] as? [Int])
      let offsets = try #require(entry["data_offsets"] as? [Int])
      ranges[name] = (8 + length + offsets[0])..<(8 + length + offsets[1])
    }
  }

  subscript(name: String) -> [UInt8] { ranges[name].map { [UInt8](data[$0]) } ?? [] }
}

/// Where the parameters of a Qwen3 live, written down here by name.
private struct Qwen3 {
  var shape: [Int]
  var placement: Placement

  init(_ name: String, _ shape: [Int], experts: Int) {
    self.shape = shape
    let words = name.split(separator: ".")
    let layer = words.firstIndex(of: "layers").flatMap { Int(words[$0 + 1]) }
    let stage: Placement.Stage = layer.map { .layer($0) } ?? (name.hasPrefix("embedding") ? .first : .last)
    let expert = name.contains(".experts.") ? Int(words[words.count - 1].dropFirst("weight".count)) : nil
    placement = Placement(stage: stage, expert: expert.map { .init(index: $0, count: experts) })
    let rows = ["linear_qkv.weight", "linear_fc1.weight", "word_embeddings.weight", "output_layer.weight"]
    let columns = ["linear_proj.weight", "linear_fc2.weight"]
    guard let dim = rows.contains(where: name.contains) ? 0 : columns.contains(where: name.contains) ? 1 : nil else {
      return
    }
    placement.split = expert == nil ? .tp(dim: dim) : .etp(dim: dim)
    let half = name.contains("linear_fc1") ? 2 : 1
    placement.segments = (0..<half).map { _ in .init(extent: shape[dim] / half) }
  }

  /// The name on the rank that holds it.
  static func local(_ name: String, _ sharding: Sharding) -> String {
    var words = name.split(separator: ".").map(String.init)
    if let layer = sharding.localLayer, let at = words.firstIndex(of: "layers") { words[at + 1] = "\(layer)" }
    if let expert = sharding.localExpert { words[words.count - 1] = "weight\(expert)" }
    return words.joined(separator: ".")
  }
}

@Suite(.enabled(if: !Golden.layouts.isEmpty, "the reference data is not beside this package"))
struct GoldenShardTests {
  /// Every rank holds exactly the tensors, shapes and bytes that the reference's rank holds.
  @Test(arguments: [
    ("qwen3", "tp2pp2", ClusterLayout.SingleRequest(tp: 2, pp: 2)),
    ("qwen3_moe", "tp2ep2", .init(tp: 2, ep: 2, etp: 1)), ("qwen3_moe", "tp2ep2etp2", .init(tp: 2, ep: 2, etp: 2)),
  ])
  func ranksHoldWhatTheReferenceHolds(family: String, layout: String, request: ClusterLayout.SingleRequest) throws {
    let whole = try Tensors("\(family)/full.safetensors")
    let grid = try ClusterLayout.single(request).components[0].grid
    let layers = Set(whole.shapes.keys.compactMap { $0.firstMatch(of: /layers\.(\d+)\./).flatMap { Int($0.1) } })
    let experts = Set(whole.shapes.keys.compactMap { $0.firstMatch(of: /weight(\d+)$/).flatMap { Int($0.1) } })
    let site = ShardingSite(
      grid: grid, pipeline: try PipelineSplit(layers: layers.count, layout: grid.layout, of: family))
    for rank in grid.ranks {
      let held = try Tensors("\(family)/\(layout)/rank-000\(rank).safetensors")
      var names: Set<String> = []
      for (name, shape) in whole.shapes {
        let target = Qwen3(name, shape, experts: experts.count)
        let dims = try #require(DimVector(exactly: shape))
        let sharding = try Sharding(of: name, shape: GlobalShape(dims), placement: target.placement, at: site)
        guard let shard = sharding.shard(on: rank) else { continue }
        let local = Qwen3.local(name, sharding)
        names.insert(local)
        #expect(held.shapes[local] == Array(sharding.localShape.dims))
        #expect(held[local] == cut(whole[name], sharding, shard), "\(name) on rank \(rank)")
      }
      #expect(names == Set(held.shapes.keys))
    }
  }

  /// The bytes of a shard of a bf16 tensor of one or two dims, put together from its pieces.
  private func cut(_ bytes: [UInt8], _ sharding: Sharding, _ shard: Int) -> [UInt8] {
    let columns = sharding.shape.rank > 1 ? sharding.shape.dims[1] : 1
    let localColumns = sharding.localShape.rank > 1 ? sharding.localShape.dims[1] : 1
    var result = [UInt8](repeating: 0, count: (sharding.localShape.elementCount ?? 0) * 2)
    for piece in sharding.pieces(ofShard: shard) {
      let (offset, extent) = (piece.region.offset, piece.region.extent)
      let (firstColumn, width) = extent.count > 1 ? (offset[1], extent[1]) : (0, 1)
      let (localRow, localColumn) = sharding.dim == 1 ? (0, piece.localOffset) : (piece.localOffset, 0)
      for row in 0..<extent[0] {
        let from = ((offset[0] + row) * columns + firstColumn) * 2
        let to = ((localRow + row) * localColumns + localColumn) * 2
        result.replaceSubrange(to..<(to + width * 2), with: bytes[from..<(from + width * 2)])
      }
    }
    return result
  }
}
