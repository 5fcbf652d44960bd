import Foundation
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

/// `.metadata` files with one thing wrong, built from the pickled values that torch has.
@Suite struct DistCheckpointHostileTests {
  static let module = "torch.distributed.checkpoint.metadata"

  static func object(_ name: String, _ state: PickleValue?, in module: String = module) -> PickleValue {
    .object(PickleObject(.new, PickleGlobal(module, name), state: state))
  }

  static func size(_ dims: [Int64]) -> PickleValue {
    .object(PickleObject(.call, PickleGlobal("torch", "Size"), [.tuple(dims.map { .int($0) })]))
  }

  static func call(_ module: String, _ name: String, _ argument: PickleValue) -> PickleValue {
    .object(PickleObject(.call, PickleGlobal(module, name), [argument]))
  }

  typealias Place = (key: String, offset: [Int64]?, file: String, start: Int64, length: Int64)

  /// One tensor "t" of four bytes in two chunks, and everything about it adjustable.
  struct Recipe: Sendable, CustomTestStringConvertible {
    var testDescription: String { message }
    var message = ""
    var root = PickleGlobal(module, "Metadata")
    var dtype = PickleGlobal("torch", "uint8")
    var layout = "torch.strided"
    var propertyCount = 5
    var shape: [Int64] = [4]
    var chunks: [([Int64], [Int64])] = [([0], [2]), ([2], [2])]
    var places: [Place] = []
    var transforms: PickleValue?
    var plainTuples = false
    var extra: [PicklePair] = []
    var hasStorage = true

    func metadata(itemLength: Int64) -> [UInt8] {
      func numbers(_ dims: [Int64]) -> PickleValue { plainTuples ? .tuple(dims.map { .int($0) }) : size(dims) }
      let properties: [PickleValue] = [
        .global(dtype), call("torch.serialization", "_get_layout", .string(layout)), .bool(false),
        call(module, "_MEM_FORMAT_ENCODING", .int(0)), .bool(false), .tuple([.int(1)]),
      ]
      let boxes = chunks.map { offset, extent in
        object("ChunkStorageMetadata", .record(["offsets": numbers(offset), "sizes": numbers(extent)]))
      }
      let tensor = object(
        "TensorStorageMetadata",
        .record([
          "properties": object("TensorProperties", .tuple(Array(properties.prefix(propertyCount)))),
          "size": numbers(shape),
          "chunks": .list(boxes),
        ]))
      let usual: [Place] = [
        ("t", [0], "__0_0.distcp", 0, itemLength), ("t", [2], "__0_0.distcp", itemLength, itemLength),
      ]
      let storage = (places.isEmpty ? usual : places).enumerated().map { (number, place) -> PicklePair in
        var index = [PicklePair(.string("fqn"), .string(place.key)), PicklePair(.string("index"), .int(Int64(number)))]
        if let offset = place.offset { index.append(PicklePair(.string("offset"), numbers(offset))) }
        var info = [
          PicklePair(.string("relative_path"), .string(place.file)), PicklePair(.string("offset"), .int(place.start)),
          PicklePair(.string("length"), .int(place.length)),
        ]
        if let transforms { info.append(PicklePair(.string("transform_descriptors"), transforms)) }
        return PicklePair(
          object("MetadataIndex", .dict(index)),
          object("_StorageInfo", .dict(info), in: "torch.distributed.checkpoint.filesystem"))
      }
      var state = [
        PicklePair(.string("state_dict_metadata"), .dict([PicklePair(.string("t"), tensor)] + extra)),
        PicklePair(.string("planner_data"), .dict([PicklePair(.string("t"), .tuple([.string("t")]))])),
      ]
      if hasStorage { state.append(PicklePair(.string("storage_data"), .dict(storage))) }
      var writer = PickleWriter()
      writer.value(.object(PickleObject(.new, root, state: .dict(state))))
      return writer.finish()
    }

    /// Writes the checkpoint and opens it.
    func open(in folder: TemporaryFolder) throws -> DistCheckpoint {
      let layout = try TorchZipItem.tensor(dtype: .u8, dims: [2])
      let item = layout.prefix() + [1, 2] + layout.suffix(dataCRC32: 0)
      try folder.write(item + item, "__0_0.distcp")
      try folder.write(metadata(itemLength: Int64(item.count)), ".metadata")
      return try DistCheckpoint.open(folder.path)
    }
  }

  /// What the versions of torch and megatron-core vary.
  static let harmless: [Recipe] = [
    Recipe(), Recipe(propertyCount: 6), Recipe(plainTuples: true), Recipe(transforms: PickleValue.none),
    Recipe(transforms: .list([])),
    Recipe(root: PickleGlobal("megatron.core.dist_checkpointing.strategies.torch", "MCoreMetadata")),
    Recipe(chunks: [([0], [2]), ([4], [0]), ([2], [2])]),
  ]

  @Test(arguments: harmless) func variantsAreRead(_ recipe: Recipe) throws {
    let folder = try TemporaryFolder()
    let checkpoint = try recipe.open(in: folder)
    #expect(checkpoint.kind == .plain)
    #expect(try checkpoint.assembled(try #require(checkpoint[tensor: "t"])) == [1, 2, 1, 2])
  }

  static let hostile: [Recipe] =
    [
      Recipe(message: "no checkpoint metadata", root: PickleGlobal(module, "StorageMeta")),
      Recipe(message: "the global posix.system is refused", root: PickleGlobal("posix", "system")),
      Recipe(message: "element type torch.complex128 is not known", dtype: PickleGlobal("torch", "complex128")),
      Recipe(message: "layout is not torch.strided", layout: "torch.sparse_coo"),
      Recipe(message: "properties are not valid", propertyCount: 4),
      Recipe(message: "size is not valid", shape: [-4]),
      Recipe(message: "more than 8 dimensions", shape: Array(repeating: 1, count: 9)),
      Recipe(message: "is too large", shape: [1 << 40, 1 << 40]),
      Recipe(message: "leaves the shape", chunks: [([0], [2]), ([3], [2])]),
      Recipe(message: "chunk is not valid", chunks: [([0], [2, 1]), ([2], [2])]),
      Recipe(message: "leaves the shape", chunks: [([0, 0], [2, 1]), ([2, 0], [2, 1])]),
      Recipe(message: "cover 2 of 4", chunks: [([0], [2])], places: [("t", [0], "__0_0.distcp", 0, 9)]),
      Recipe(message: "overlap", chunks: [([0], [3]), ([2], [2])]),
      Recipe(
        message: "cover 4 of 1125899906842624", shape: [1 << 40, 1 << 10],
        chunks: [([0, 0], [2, 1]), ([2, 0], [2, 1])],
        places: [("t", [0, 0], "__0_0.distcp", 0, 9), ("t", [2, 0], "__0_0.distcp", 9, 9)]),
      Recipe(message: "[2..<4] has no place", places: [("t", [0], "__0_0.distcp", 0, 9)]),
      Recipe(message: "has two places", places: [("t", [0], "__0_0.distcp", 0, 9), ("t", [0], "__0_0.distcp", 9, 9)]),
      Recipe(message: "a chunk at [1]", places: [("t", [1], "__0_0.distcp", 0, 9)]),
      Recipe(message: "tensor u: it has a place", places: [("u", [0], "__0_0.distcp", 0, 9)]),
      Recipe(message: "has no offset", places: [("t", nil, "__0_0.distcp", 0, 9)]),
      Recipe(message: "is not valid", places: [("t", [0], "__0_0.distcp", -1, 9)]),
      Recipe(message: "is not valid", places: [("t", [0], "__0_0.distcp", 0, 0)]),
      Recipe(
        message: "reaches beyond the file",
        places: [("t", [0], "__0_0.distcp", 0, 1 << 40), ("t", [2], "__0_0.distcp", 0, 9)]),
      Recipe(
        message: "reaches beyond the file",
        places: [("t", [0], "__0_0.distcp", .max, .max), ("t", [2], "__0_0.distcp", 0, 9)]),
      Recipe(
        message: "the items of the file overlap",
        places: [("t", [0], "__0_0.distcp", 0, 2000), ("t", [2], "__0_0.distcp", 500, 2000)]),
      Recipe(message: "gone", places: [("t", [0], "gone", 0, 9), ("t", [2], "gone", 0, 9)]),
      Recipe(message: "is a symbolic link", places: [("t", [0], "link", 0, 9), ("t", [2], "link", 0, 9)]),
      Recipe(message: "is a folder, not a file", places: [("t", [0], "folder", 0, 9), ("t", [2], "folder", 0, 9)]),
      Recipe(message: "stream extension", transforms: .list([.string("zstd")])),
      Recipe(message: "storage_data is missing", hasStorage: false),
      Recipe(message: "neither a tensor nor bytes", extra: [PicklePair(.string("u"), .none)]),
      Recipe(message: "u: it has no place", extra: [PicklePair(.string("u"), object("BytesStorageMetadata", nil))]),
      Recipe(message: "the key occurs twice", extra: [PicklePair(.string("t"), object("BytesStorageMetadata", nil))]),
      Recipe(message: "a key is not text", extra: [PicklePair(.int(1), object("BytesStorageMetadata", nil))]),
    ]
    + ["", "../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "a\0b", "..", "a\nb"].map {
      Recipe(message: "is not a plain file name", places: [("t", [0], $0, 0, 9), ("t", [2], $0, 0, 9)])
    }

  @Test(arguments: hostile) func whatIsWrongIsNamed(_ recipe: Recipe) throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      at: folder.url.appending(path: "link"), withDestinationURL: URL(filePath: #filePath))
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "folder"), withIntermediateDirectories: false)
    let error = #expect(throws: MimoError.self) { try recipe.open(in: folder) }
    #expect(error?.description.contains(recipe.message) == true, "\(String(describing: error))")
    #expect(error?.path != nil)
  }

  @Test(arguments: [#"{"sharded_backend": "zarr", "sharded_backend_version": 1}"#, "{}"])
  func otherBackendsAreRefused(text: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(text.utf8), "metadata.json")
    let error = #expect(throws: MimoError.self) { try Recipe().open(in: folder) }
    #expect(error?.message == "the backend is not torch_dist version 1")
  }

  @Test(arguments: ["", "-1", "12 13", "latest", "99999999999999999999"]) func badTrackersAreRefused(text: String)
    throws
  {
    let folder = try TemporaryFolder()
    try folder.write(Array(text.utf8), "latest_checkpointed_iteration.txt")
    let error = #expect(throws: MimoError.self) { try DistCheckpoint.open(folder.path) }
    #expect(error?.message == "this is neither an iteration nor the word release")
  }

  @Test func foldersWithoutACheckpointAreNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: MimoError.self) { try DistCheckpoint.open(folder.path + "/gone") }
    let error = #expect(throws: MimoError.self) { try DistCheckpoint.open(folder.path) }
    #expect(error?.message.contains("neither .metadata nor latest_checkpointed_iteration.txt") == true)
  }
}

@Suite struct TilingTests {
  @Test func unevenGridsAreProven() throws {
    var regions: [Region] = []
    for (start, end) in zip([0, 1, 5], [1, 5, 7]) {
      for column in 0..<100 { regions.append(Region(offset: [start, column * 3, 0], extent: [end - start, 3, 2])) }
    }
    try checkTiling(regions.shuffled(), of: GlobalShape([7, 300, 2]))
    regions[5].extent[1] = 4
    #expect(throws: MimoError.self) { try checkTiling(regions, of: GlobalShape([7, 300, 2])) }
  }

  /// Five boxes around a middle: no straight cut separates them.
  @Test func pinwheelsAreProven() throws {
    let wheel = [
      Region(offset: [0, 0], extent: [1, 2]), Region(offset: [0, 2], extent: [2, 1]),
      Region(offset: [2, 1], extent: [1, 2]),
      Region(offset: [1, 0], extent: [2, 1]), Region(offset: [1, 1], extent: [1, 1]),
    ]
    try checkTiling(wheel, of: GlobalShape([3, 3]))
    #expect(throws: MimoError.self) { try checkTiling(Array(wheel.dropLast()), of: GlobalShape([3, 3])) }
    #expect(throws: MimoError.self) { try checkTiling(wheel + [wheel[4]], of: GlobalShape([3, 3])) }
  }

  @Test func scalarsAndEmptyTensors() throws {
    try checkTiling([Region(offset: [], extent: [])], of: GlobalShape([]))
    #expect(throws: MimoError.self) { try checkTiling([], of: GlobalShape([])) }
    try checkTiling([Region(offset: [0, 0], extent: [0, 3])], of: GlobalShape([0, 3]))
  }
}
