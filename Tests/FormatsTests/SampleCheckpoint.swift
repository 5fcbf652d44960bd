import MimoChecksum
import MimoContainers
import MimoTensor
import Testing

/// A small checkpoint from our own writer: every element type, scalars, empties, boxes over two files, objects.
struct SampleCheckpoint {
  var tensors: [DistTensor] = []
  var objects: [DistObject] = []
  var contents: [String: [UInt8]] = [:]
  var layout: DistCheckpointLayout
  var files: [[UInt8]] = [[], []]

  init() throws {
    layout = try DistCheckpointLayout(fileNames: ["__0_0.distcp", "__1_0.distcp"])
    for dtype in DType.allCases where dtype.torchName != nil {
      try add("type.\(dtype.rawValue)", dtype, [2, 3], [Region(offset: [0, 0], extent: [2, 3])])
    }
    try add("scalar", .f32, [], [Region(offset: [], extent: [])])
    try add("empty", .f32, [0, 3], [Region(offset: [0, 0], extent: [0, 3])])
    try add("deep", .u8, [1, 2, 1, 2, 1, 2, 1, 2], [Region(whole: GlobalShape([1, 2, 1, 2, 1, 2, 1, 2]))])
    try add("boxes", .bf16, [4, 6], (0..<4).map { Region(offset: [$0 / 2 * 2, $0 % 2 * 3], extent: [2, 3]) })
    try add("stack", .f32, [3, 2, 300], (0..<3).map { Region(offset: [$0, 0, 0], extent: [1, 2, 300]) })
    try add("uneven", .i64, [5], [Region(offset: [0], extent: [1]), Region(offset: [1], extent: [4])])
    try addObject("stack._extra_state/shard_0_1", try ExtraStateItems()["stack._extra_state"])
    try addObject(
      DistCheckpoint.commonStateKey, DistCheckpointCompanions.commonItem(DistCheckpointCompanions.commonState()))
  }

  private mutating func add(_ key: String, _ dtype: DType, _ dims: DimVector, _ regions: [Region]) throws {
    let width = try #require(dtype.byteWidth)
    let shape = GlobalShape(dims)
    let whole = patternBytes(try #require(shape.elementCount) * width, dtype: dtype)
    contents[key] = whole
    let strides = rowMajorStrides(dims)
    var chunks: [DistChunk] = []
    for (number, region) in regions.enumerated() {
      let item = try TorchZipItem.tensor(dtype: dtype, dims: region.extent)
      var data: [UInt8] = []
      for place in 0..<region.volume {
        var (rest, from) = (place, 0)
        for dim in (0..<region.rank).reversed() {
          from += (region.offset[dim] + rest % region.extent[dim]) * strides[dim]
          rest /= region.extent[dim]
        }
        data += whole[from * width..<(from + 1) * width]
      }
      let file = number % 2
      chunks.append(try layout.add(item, region: region, file: file))
      let crc = data.withUnsafeBytes { mimo_crc32(0, $0.baseAddress, $0.count) }
      files[file] += item.prefix() + data + item.suffix(dataCRC32: crc)
    }
    tensors.append(DistTensor(key: key, dtype: dtype, shape: shape, chunks: chunks))
  }

  private mutating func addObject(_ key: String, _ item: [UInt8]) throws {
    objects.append(try layout.add(key: key, item: item, file: 1))
    files[1] += item
  }

  func metadata() throws -> [UInt8] {
    try DistMetadataEncoder.encode(tensors: tensors, objects: objects, fileNames: layout.fileNames)
  }

  /// Writes all files into a folder.
  func write(to folder: TemporaryFolder) throws {
    for (name, bytes) in zip(layout.fileNames, files) { try folder.write(bytes, name) }
    try folder.write(metadata(), ".metadata")
    try folder.write(DistCheckpointCompanions.metadataJSON, "metadata.json")
    try folder.write(DistCheckpointCompanions.commonFile(DistCheckpointCompanions.commonState()), "common.pt")
    try folder.write(try DistCheckpointCompanions.trainState(), "train_state.pt")
  }
}
