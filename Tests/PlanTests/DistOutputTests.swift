import MimoCheckpoints
import MimoContainers
import MimoTensor
import Testing

/// Where everything of a new distributed checkpoint lies, known before a byte is written.
@Suite struct DistOutputTests {
  private let model: SmallModel
  private let output: DistOutput

  init() throws {
    model = try SmallModel(layers: 3)
    let layout = try model.layout(.init(tp: 2, pp: 2, ep: 2, etp: 1, ppFirst: 1))
    output = try DistOutput(
      layout, dtypes: model.description.targets.map { $0.name.hasSuffix("norm") ? .f32 : .bf16 })
  }

  /// An item is as long as the bytes that will be written around and of its elements, and where they begin is the chunk's.
  @Test func itemsAreWhereTheirBytesWillBe() throws {
    for (index, (item, chunk)) in zip(output.items, output.catalog.chunks).enumerated() {
      let tensor = try #require(output.tensors.first { $0.items.contains(index) })
      let region = output.region(ofItem: index)
      let frame = try TorchZipItem.tensor(dtype: tensor.dtype, dims: region.extent)
      #expect(output.frame(ofItem: index) == frame, "\(tensor.key)")
      #expect(chunk.offset == item.offset + UInt64(frame.prefix().count), "\(tensor.key)")
      #expect(frame.length == frame.dataOffset + frame.dataLength + UInt64(frame.suffix(dataCRC32: 0).count))
      #expect(Int(frame.dataLength) == chunk.region.volume * (tensor.dtype.byteWidth ?? 0), "\(tensor.key)")
    }
  }

  @Test func filesHaveNoGapsAndNoOverlaps() {
    for (file, stored) in output.catalog.files.enumerated() {
      var pieces = output.objects.filter { $0.file == file }.map { ($0.offset, UInt64($0.bytes.count)) }
      for (index, item) in output.items.enumerated() where output.catalog.chunks[index].file == file {
        pieces.append((item.offset, output.frame(ofItem: index).length))
      }
      pieces.sort { $0.0 < $1.0 }
      var end: UInt64 = 0
      for (offset, length) in pieces {
        #expect(offset == end, "\(stored.path)")
        end = offset + length
      }
      #expect(end == stored.size, "\(stored.path)")
    }
  }

  @Test func itemsTileTheTensorsThatReadersAskFor() {
    var shapes: [String: DimVector] = [
      "embedding": [8, 5], "final.norm": [5], "layers.qkv": [3, 12, 5], "layers.fc2": [3, 5, 6], "layers.norm": [3, 7],
      "layers.experts.experts.w": [3, 4, 3, 5],
    ]
    for layer in 0..<3 {
      shapes["layers.\(layer).fc1"] = [12, 5]
      shapes["layers.\(layer).in_proj.z"] = [8, 5]
      shapes["layers.\(layer).in_proj.dt"] = [4, 5]
    }
    #expect(Dictionary(uniqueKeysWithValues: output.tensors.map { ($0.key, $0.shape.dims) }) == shapes)
    for tensor in output.tensors {
      #expect(Tiling.fault(tensor.items.map { output.region(ofItem: $0) }, in: tensor.shape) == nil, "\(tensor.key)")
    }
  }

  /// One layer, then two: a rank's file holds what the rank holds, and nothing twice.
  @Test func eachItemIsInTheFileOfTheRankThatWouldWriteIt() throws {
    func writers(_ key: String) throws -> Set<String> {
      let tensor = try #require(output.tensors.first { $0.key == key })
      return Set(
        tensor.items.map { index in
          let region = output.region(ofItem: index)
          return "\(Array(region.offset)) \(output.catalog.files[output.catalog.chunks[index].file].path)"
        })
    }
    #expect(
      try writers("layers.qkv") == [
        "[0, 0, 0] __0_0.distcp", "[0, 6, 0] __1_0.distcp", "[1, 0, 0] __2_0.distcp", "[1, 6, 0] __3_0.distcp",
        "[2, 0, 0] __2_0.distcp", "[2, 6, 0] __3_0.distcp",
      ])
    #expect(
      try writers("layers.0.fc1") == [
        "[0, 0] __0_0.distcp", "[6, 0] __0_0.distcp", "[3, 0] __1_0.distcp", "[9, 0] __1_0.distcp",
      ])
    #expect(try writers("layers.1.in_proj.dt") == ["[0, 0] __2_0.distcp", "[2, 0] __3_0.distcp"])
    #expect(try writers("layers.norm") == ["[0, 0] __0_0.distcp", "[1, 0] __2_0.distcp", "[2, 0] __2_0.distcp"])
    let experts = (0..<3).flatMap { layer in
      (0..<4).map { "[\(layer), \($0), 0, 0] __\(2 * min(layer, 1) + $0 / 2)_0.distcp" }
    }
    #expect(try writers("layers.experts.experts.w") == Set(experts))
    #expect(try writers("final.norm") == ["[0] __2_0.distcp"])
  }

  @Test func statesAreEntriesOfTheirGrid() throws {
    #expect(output.objects.map(\.key) == (0..<3).map { "layers.fc2._extra_state/shard_\($0)_3" })
    let empty = try ExtraStateItems()["layers.fc2._extra_state"]
    #expect(output.objects.allSatisfy { $0.bytes == empty })
  }
}
