import Foundation
import MimoJSON
import MimoMapping
import MimoTensor
import Testing

/// Every element of every target, computed from the checkpoint, against what the reference made of it.
@Suite(.enabled(if: Places.hasGolden, "the golden data is not beside this package"))
struct GoldenValueTests {
  @Test(arguments: Fixture.all) func mappingGivesTheReferencesBits(_ name: String) throws {
    let fixture = try Fixture(name)
    let described = try Described(fixture, layout: "megatron")
    let checkpoint = try TensorFiles(folder: Places.golden.appending(path: "\(name)/hf"))
    let owner = ["qwen3_vl_moe_t": "qwen3_vl_moe"][name] ?? name
    let reference = try TensorFiles(file: Places.golden.appending(path: "\(owner)/full.safetensors"))
    for target in described.model.targets {
      let full = described.fullName(target.globalName, target.component)
      let computed = try compute(target, described.model, checkpoint)
      // The reference leaves packed Qwen3 experts out.
      if name == "qwen3_moe_fused", full.contains("experts.") { continue }
      let expected = try #require(reference.values(full), "\(full)")
      #expect(computed == expected, "\(full)")
    }
  }

  private func compute(
    _ target: TargetDeclaration, _ model: ModelDescription, _ checkpoint: TensorFiles
  ) throws -> [Float] {
    let strides = rowMajorStrides(target.shape.dims)
    var values = [Float](repeating: -1, count: target.shape.elementCount ?? 0)
    for fragment in target.fragments {
      guard let source = fragment.source else { continue }
      let name = model.sources[source].name
      var index = DimVector(repeating: 0, count: fragment.region.rank)
      for _ in 0..<fragment.region.volume {
        var from = fragment.base
        var to = 0
        for dim in 0..<index.count {
          from += index[dim] * fragment.strides[dim]
          to += (index[dim] + fragment.region.offset[dim]) * strides[dim]
        }
        guard let value = checkpoint.element(from, of: name, fragment.kernel) else { throw NoSuchElement(name: name) }
        values[to] = target.dtype == .f32 ? value : TensorFiles.rounded(value)
        for dim in (0..<index.count).reversed() {
          index[dim] += 1
          if index[dim] < fragment.region.extent[dim] { break }
          index[dim] = 0
        }
      }
    }
    return values
  }
}

struct NoSuchElement: Error {
  let name: String
}

/// Tensors of small safetensors files, held in memory.
struct TensorFiles {
  private var tensors: [String: (dtype: String, bytes: Data)] = [:]

  init(folder: URL) throws {
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    where file.pathExtension == "safetensors" {
      try read(file)
    }
  }

  init(file: URL) throws { try read(file) }

  private mutating func read(_ file: URL) throws {
    let data = try Data(contentsOf: file)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONParser.parse(Array(data[8..<(8 + length)]))
    for (name, entry) in try #require(header.object).members where name != "__metadata__" {
      let offsets = entry["data_offsets"]?.array?.compactMap { $0.integer } ?? []
      try #require(offsets.count == 2)
      let bytes = data[(8 + length + offsets[0])..<(8 + length + offsets[1])]
      tensors[name] = (try #require(entry["dtype"]?.string), Data(bytes))
    }
  }

  /// All elements of a BF16 or F32 tensor.
  func values(_ name: String) -> [Float]? {
    guard let (dtype, bytes) = tensors[name] else { return nil }
    let count = bytes.count / (dtype == "F32" ? 4 : 2)
    return (0..<count).compactMap { element($0, of: name, nil) }
  }

  /// One element, with the kernel applied in the source's dtype.
  func element(_ index: Int, of name: String, _ kernel: ElementKernel?) -> Float? {
    guard let (dtype, bytes) = tensors[name] else { return nil }
    let isWide = dtype == "F32"
    let width = isWide ? 4 : 2
    guard (index + 1) * width <= bytes.count else { return nil }
    let raw = (0..<width).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[index * width + $1]) }
    var value = Float(bitPattern: isWide ? raw : raw << 16)
    if case .add(let amount) = kernel { value += Float(amount) }
    return value
  }

  /// To bf16: to nearest, ties to even.
  static func rounded(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}
