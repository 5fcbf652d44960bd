import MimoChecksum
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

@Suite struct TorchZipReaderTests {
  static let layout = try? TorchZipItem.tensor(dtype: .f32, dims: [2, 3])

  /// A tensor item as torch writes it: shape (2, 3), float32.
  static func usualItem() throws -> [UInt8] {
    let layout = try #require(layout)
    let data = patternBytes(24, dtype: .f32)
    return layout.prefix() + data + layout.suffix(dataCRC32: data.withUnsafeBytes { mimo_crc32(0, $0.baseAddress, 24) })
  }

  static func read(_ item: [UInt8]) throws -> StoredTensor {
    try TorchZipReader.tensor(in: MemoryByteSource(item, path: "x"), offset: 0, length: UInt64(item.count))
  }

  @Test func bothWaysFindTheSameElements() throws {
    let item = try Self.usualItem()
    let source = MemoryByteSource([9, 9, 9] + item + [9])
    let fast = try TorchZipReader.tensor(in: source, offset: 3, length: UInt64(item.count), dtype: .f32, dims: [2, 3])
    let slow = try TorchZipReader.tensor(in: source, offset: 3, length: UInt64(item.count))
    #expect(fast.offset == slow.offset)
    #expect(try source.bytes(at: slow.offset, count: 24) == patternBytes(24, dtype: .f32))
    #expect(slow.strides == [3, 1] && slow.isContiguous && slow.available == 24)
    let positions = [try #require(fast.crc32Position), try #require(slow.crc32Position)]
    #expect(positions[0] != positions[1])
    #expect(try source.bytes(at: positions[0], count: 4) == source.bytes(at: positions[1], count: 4))
  }

  @Test(
    arguments: [(.bf16, [2, 3], "says BF16"), (.f32, [3, 2], "says shape [3, 2]"), (.f32, [6], "says shape [6]")]
      as [(DType, DimVector, String)])
  func itemsMustBeWhatTheMetadataSays(dtype: DType, dims: DimVector, message: String) throws {
    let item = try Self.usualItem()
    let error = #expect(throws: MimoError.self) {
      try TorchZipReader.tensor(
        in: MemoryByteSource(item), offset: 0, length: UInt64(item.count), dtype: dtype, dims: dims)
    }
    #expect(error?.description.contains(message) == true)
  }

  /// A pickle of one tensor with everything adjustable, over a storage of 24 bytes.
  static func item(
    offset: Int64 = 0, dims: [Int64] = [2, 3], strides: [Int64] = [3, 1], count: Int64 = 6,
    storage: String = "FloatStorage",
    key: String = "0", wrap: (PickleValue) -> PickleValue = { $0 }
  ) -> [UInt8] {
    let tensor = PickleValue.object(
      PickleObject(
        .call, PickleGlobal("torch._utils", "_rebuild_tensor_v2"),
        [
          .persistentID(
            .tuple([
              .string("storage"), .global(PickleGlobal("torch", storage)), .string(key), .string("cuda:0"), .int(count),
            ])), .int(offset), .tuple(dims.map { .int($0) }), .tuple(strides.map { .int($0) }), .bool(false),
          .object(PickleObject(.call, PickleGlobal("collections", "OrderedDict"))),
        ]))
    return TorchZipItem.object(wrap(tensor), storages: [patternBytes(24, dtype: .f32)])
  }

  @Test func viewsAreRead() throws {
    let part = try Self.read(Self.item(offset: 1, dims: [2, 2], strides: [1, 3]))
    #expect(!part.isContiguous && part.strides == [1, 3] && part.available == 20 && part.crc32Position == nil)
    let row = try Self.read(Self.item(offset: 3, dims: [1, 3], strides: [99, 1]))
    #expect(row.isContiguous && row.available == 12 && row.crc32Position == nil)
    let nothing = try Self.read(Self.item(offset: 6, dims: [0, 3], strides: [3, 1]))
    #expect(nothing.isContiguous && nothing.dims == [0, 3])
  }

  @Test func wrappersAreLookedThrough() throws {
    let parameter = Self.item { tensor in
      .object(PickleObject(.call, PickleGlobal("torch._utils", "_rebuild_parameter"), [tensor, .bool(true), .none]))
    }
    #expect(try Self.read(parameter).dims == [2, 3])
    let subclass = Self.item { tensor in
      guard case .object(let call) = tensor else { return tensor }
      return .object(
        PickleObject(
          .call, PickleGlobal("torch._tensor", "_rebuild_from_type_v2"),
          [
            .global(call.callable), .global(PickleGlobal("torch.nn.parameter", "Parameter")), .tuple(call.arguments),
            .dict([]),
          ]))
    }
    #expect(try Self.read(subclass).dims == [2, 3])
  }

  @Test(arguments: [
    (item(offset: 1), "leaves its storage"), (item(offset: -1), "offset"),
    (item(dims: [2, 3], strides: [1 << 60, 1]), "shape"), (item(strides: [1 << 55, 1]), "leaves its storage"),
    (item(strides: [-3, 1]), "shape"), (item(dims: [-2, 3]), "shape"), (item(dims: [2]), "shape"),
    (item(dims: Array(repeating: 1, count: 9), strides: Array(repeating: 1, count: 9)), "shape"),
    (item(dims: [1 << 40, 1 << 40], strides: [0, 0]), "leaves its storage"),
    (item(count: 7), "needs 28"), (item(count: 5, storage: "DoubleStorage"), "leaves its storage"),
    (item(count: -1), "storage"), (item(key: "../1"), "has no data/../1"), (item(key: "1"), "has no data/1"),
    (item(wrap: { .list([$0]) }), "a tensor is expected"),
    (item(wrap: { .object(PickleObject(.call, PickleGlobal("os", "system"), [$0])) }), "global os.system is refused"),
  ])
  func hostileTensorsAreRefused(item: [UInt8], message: String) {
    let error = #expect(throws: MimoError.self) { try Self.read(item) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  /// What is done to a good item, and what is said about it.
  struct Damage: CustomTestStringConvertible, Sendable {
    var name: String
    var message: String
    var apply: @Sendable (inout [UInt8]) -> Void
    var testDescription: String { name }
  }

  private static func find(_ pattern: [UInt8], in bytes: [UInt8], last: Bool = false) -> Int {
    let places = (0...bytes.count - pattern.count).filter { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
    return (last ? places.last : places.first) ?? 0
  }

  private static let central: [UInt8] = [0x50, 0x4B, 1, 2]
  private static let local: [UInt8] = [0x50, 0x4B, 3, 4]
  private static let end: [UInt8] = [0x50, 0x4B, 5, 6]

  static let damages: [Damage] = [
    Damage(name: "cut short", message: "no zip end record") { $0.removeLast(30) },
    Damage(name: "empty", message: "no zip end record") { $0 = [] },
    Damage(name: "noise", message: "no zip end record") { $0 = patternBytes(5000, dtype: .u8) },
    Damage(name: "directory behind the end", message: "lies outside of the item") {
      $0.replaceSubrange(
        find([0x50, 0x4B, 6, 6], in: $0) + 48..<find([0x50, 0x4B, 6, 6], in: $0) + 56, with: [0, 0, 0, 0, 1, 0, 0, 0])
    },
    Damage(name: "too many members", message: "lies outside of the item") {
      $0[find([0x50, 0x4B, 6, 6], in: $0) + 33] = 9
    },
    Damage(name: "more members than the directory", message: "is damaged") {
      $0[find([0x50, 0x4B, 6, 6], in: $0) + 32] = 8
    },
    Damage(name: "compressed", message: "data.pkl is compressed") { $0[find(central, in: $0) + 10] = 8 },
    Damage(name: "two sizes", message: "data.pkl is compressed") { $0[find(central, in: $0) + 20] ^= 1 },
    Damage(name: "encrypted", message: "is encrypted") { $0[find(central, in: $0) + 8] |= 1 },
    Damage(name: "member beyond the archive", message: "reaches beyond") { $0[find(central, in: $0) + 44] = 1 },
    Damage(name: "huge member", message: "reaches beyond") {
      let place = find(central, in: $0)
      $0[place + 23] = 0x7F
      $0[place + 27] = 0x7F
    },
    Damage(name: "two folders", message: "two folders") { $0[find(central, in: $0, last: true) + 46] = 0x62 },
    Damage(name: "twice the same name", message: "occurs twice") {
      let place = find(Array("archive/.format_version".utf8), in: $0, last: true)
      $0.replaceSubrange(place..<place + 23, with: Array("archive/data.pkl\0\0\0\0\0\0\0".utf8))
      let other = find(Array("archive/.storage_alignment".utf8), in: $0, last: true)
      $0.replaceSubrange(other..<other + 26, with: Array("archive/data.pkl\0\0\0\0\0\0\0\0\0\0".utf8))
      $0[place - 46 + 28] = 16
      $0[place - 46 + 30] = 7
      $0[other - 46 + 28] = 16
      $0[other - 46 + 30] = 10
    },
    Damage(name: "no folder", message: "lies in no folder") {
      $0[find(Array("archive/data.pkl".utf8), in: $0, last: true) + 7] = 0x2D
    },
    Damage(name: "other local header", message: "does not agree") { $0[find(local, in: $0) + 30] = 0x62 },
    Damage(name: "local header elsewhere", message: "does not agree") { $0[find(central, in: $0) + 42] = 1 },
    Damage(name: "damaged pickle", message: "data.pkl does not have the checksum") {
      $0[find(local, in: $0) + 70] ^= 1
    },
    Damage(name: "big endian", message: "does not have the checksum") {
      let place = find(Array("little".utf8), in: $0)
      $0.replaceSubrange(place..<place + 6, with: Array("biggie".utf8))
    },
    Damage(name: "no version", message: "has no version") {
      $0[find(Array("archive/version".utf8), in: $0, last: true) + 8] = 0x56
    },
  ]

  @Test(arguments: damages) func damagedArchivesAreRefused(_ damage: Damage) throws {
    var item = try Self.usualItem()
    damage.apply(&item)
    let error = #expect(throws: MimoError.self) { try Self.read(item) }
    #expect(error?.description.contains(damage.message) == true, "\(String(describing: error))")
  }

  @Test func itemsBeyondTheirFileAreRefused() throws {
    let item = try Self.usualItem()
    for (offset, length) in [(UInt64(1), UInt64(item.count)), (UInt64.max, 1), (0, UInt64.max), (0, 1 << 40)] {
      let error = #expect(throws: MimoError.self) {
        try TorchZipReader.tensor(
          in: MemoryByteSource(item), offset: offset, length: length, dtype: .f32, dims: [2, 3])
      }
      #expect(error?.message.contains("beyond") == true)
    }
  }
}
