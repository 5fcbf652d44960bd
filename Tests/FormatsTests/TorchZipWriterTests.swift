import MimoChecksum
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

/// The fixtures come from torch 2.15; `Fixtures/torch_save/make.py` made them.
@Suite struct TorchZipWriterTests {
  struct TensorCase: CustomTestStringConvertible {
    var dtype: DType
    var dims: DimVector
    var name: String
    var testDescription: String { name }
  }

  static let tensors: [TensorCase] =
    DType.allCases.compactMap { dtype in
      dtype.torchName.flatMap { name in
        [DType.f8e4m3fnuz, .f8e5m2fnuz].contains(dtype)
          ? nil : TensorCase(dtype: dtype, dims: [2, 3], name: "tensor-\(name)-2x3.pt")
      }
    } + [
      TensorCase(dtype: .bf16, dims: [], name: "tensor-bfloat16-scalar.pt"),
      TensorCase(dtype: .bf16, dims: [5], name: "tensor-bfloat16-5.pt"),
      TensorCase(dtype: .bf16, dims: [0, 3], name: "tensor-bfloat16-0x3.pt"),
      TensorCase(dtype: .bf16, dims: [300], name: "tensor-bfloat16-300.pt"),
      TensorCase(dtype: .bf16, dims: [1, 2, 3, 4], name: "tensor-bfloat16-1x2x3x4.pt"),
      TensorCase(dtype: .f8e4m3, dims: [1, 2, 3, 4], name: "tensor-float8_e4m3fn-1x2x3x4.pt"),
    ]

  @Test(arguments: tensors) func tensorItemsEqualTorchSave(_ example: TensorCase) throws {
    let layout = try TorchZipItem.tensor(dtype: example.dtype, dims: example.dims)
    let data = patternBytes(Int(layout.dataLength), dtype: example.dtype)
    let prefix = layout.prefix()
    let crc = data.withUnsafeBytes { mimo_crc32(0, $0.baseAddress, $0.count) }
    let item = prefix + data + layout.suffix(dataCRC32: crc)
    #expect(layout.dataOffset == UInt64(prefix.count))
    #expect(layout.length == UInt64(item.count))
    #expect(item == (try TestFiles.fixture("torch_save/\(example.name)")))
  }

  @Test func objectsEqualTorchSave() throws {
    func saved(_ name: String) throws -> [UInt8] { try TestFiles.fixture("torch_save/object-\(name).pt") }
    #expect(TorchZipItem.object(.list([.none])) == (try saved("none")))
    let empty = try PickleValue.tensor(dtype: .u8, dims: [0], storage: 0)
    #expect(TorchZipItem.object(.list([empty]), storages: [[]]) == (try saved("empty-tensor")))
    let common = PickleValue.list([
      .record([
        "checkpoint_version": .float(3), "iteration": .int(0),
        "content_metadata": .record(["singleton_local_shards": .bool(false), "chained_optim_avoid_prefix": .bool(true)]
        ),
      ])
    ])
    #expect(TorchZipItem.object(common) == (try saved("common")))
    let numbers = PickleValue.record([
      "ints": .list(
        ([0, 255, 256, 65535, 65536, 1 << 31 - 1, 1 << 31, -1, -128, -129, -1 << 31, -1 << 31 - 1, 1 << 62, .min]
          as [Int64]).map { .int($0) }
          + [.bigInt([0, 0, 0, 0, 0, 0, 0, 128, 0]), .bigInt([UInt8](repeating: 0, count: 10) + [1])]),
      "floats": .list([.float(0), .float(-1.5), .float(1e300)]),
      "tuples": .tuple((0...4).map { .tuple((0..<$0).map { .int(Int64($0 + 1)) }) }),
      "nested": .record(["a": .record(["b": .list([])])]),
      "long": .list((0..<1001).map { .int(Int64($0)) }),
      "bytes": .bytes([0, 128, 255]),
      "ordered": .object(
        PickleObject(
          .call, PickleGlobal("collections", "OrderedDict"), dictItems: [PicklePair(.string("k"), .none)])),
    ])
    #expect(TorchZipItem.object(numbers) == (try saved("numbers")))
    let tensors = try (0..<14).map { try PickleValue.tensor(dtype: .i32, dims: [$0 + 1], storage: $0) }
    let storages = (0..<14).map { patternBytes(4 * ($0 + 1), dtype: .i32) }
    #expect(TorchZipItem.object(.list(tensors), storages: storages) == (try saved("tensors")))
  }

  /// 4 GiB and 8 bytes of zeros: sizes and offsets no longer fit 32 bits.
  @Test func largeItemsEqualTorchSave() throws {
    let count = 1 << 32 + 8
    let layout = try TorchZipItem.tensor(dtype: .u8, dims: [count])
    let prefix = try TestFiles.fixture("torch_save/zip64-prefix.bin")
    #expect(layout.prefix() == prefix)
    let suffix = try TestFiles.fixture("torch_save/zip64-suffix.bin")
    #expect(layout.suffix(dataCRC32: mimo_crc32_finish(0, UInt64(count))) == suffix)
    #expect(layout.length == UInt64(prefix.count + count + suffix.count))
    // Its members are found again, without the data being there.
    let source = SparseSource(prefix: prefix, zeros: UInt64(count), suffix: suffix)
    let stored = try TorchZipReader.tensor(in: source, offset: 0, length: source.size)
    #expect(stored.offset == layout.dataOffset && stored.available == layout.dataLength && stored.dims == [count])
  }

  @Test(
    arguments: [(.f4, [2]), (.u8, [1 << 40, 1 << 40]), (.u8, [0, 1 << 40, 1 << 40]), (.u8, [-1])]
      as [(DType, DimVector)])
  func whatTorchHasNotIsRefused(dtype: DType, dims: DimVector) {
    #expect(throws: MimoError.self) { try TorchZipItem.tensor(dtype: dtype, dims: dims) }
  }
}

/// A file with a hole.
private struct SparseSource: ByteSource {
  let prefix: [UInt8]
  let zeros: UInt64
  let suffix: [UInt8]
  var path: String { "sparse" }
  var size: UInt64 { UInt64(prefix.count + suffix.count) + zeros }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(MimoError) {
    for place in 0..<buffer.count {
      let position = offset + UInt64(place)
      let isBefore = position < UInt64(prefix.count)
      let isBehind = position >= UInt64(prefix.count) + zeros
      buffer[place] = isBefore ? prefix[Int(position)] : isBehind ? suffix[Int(position - zeros) - prefix.count] : 0
    }
  }
}
