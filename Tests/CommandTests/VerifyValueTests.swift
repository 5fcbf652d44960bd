import Foundation
import MimoChecksum
import MimoContainers
import Testing

/// What `verify` says about values and digests, held against the files' own bytes.
@Suite struct VerifyValueTests {
  /// Of each tensor the first element that differs is told, with its place and both values, however many follow.
  @Test(arguments: ["mimo", "megatron", "ranks"]) func theFirstDifferingElementOfEachTensorIsTold(format: String) throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    let layout = format == "mimo" ? ["--component", "language=tp=2", "--component", "images=tp=1"] : ["--tp", "2"]
    try model.run(["convert", "--plugin", "Qwen3VL", "--to", format] + layout + [hf, model.path("other")])
    let folder = try HuggingFaceFolder.open(hf)
    // A bf16 of 1.5 at the one place, minus infinity behind it; both are no values of the synthetic checkpoint.
    let places: [(name: String, index: [Int], later: [Int])] = [
      ("model.language_model.layers.0.self_attn.q_proj.weight", [1, 2], [5, 0]),
      ("model.language_model.layers.1.mlp.up_proj.weight", [0, 0], [0, 1]),
      ("model.language_model.norm.weight", [3], [7]),
      ("model.visual.blocks.0.attn.qkv.weight", [4, 1], [30, 3]),
    ]
    var expected: [String: (index: [Int], value: Float)] = [:]
    for place in places {
      let tensor = try #require(folder.tensor(place.name))
      let file = folder.files[tensor.file].path
      let columns = tensor.shape.dims.count == 2 ? tensor.shape.dims[1] : 1
      func offset(_ index: [Int]) -> UInt64 {
        tensor.range.lowerBound + UInt64(2 * (index.count == 2 ? index[0] * columns + index[1] : index[0]))
      }
      expected[place.name] = (place.index, try replace(file, at: offset(place.index), with: 0x3FC0))
      _ = try replace(file, at: offset(place.later), with: 0xFF80)
    }
    let result = try Command(["verify", "--plugin", "Qwen3VL", "--json", hf, model.path("other")])
    #expect(result.status == 7)
    let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let differences = try #require(report["differences"] as? [[String: Any]])
    #expect(report["elements_differing"] as? Int == 2 * places.count)
    #expect(Set(differences.compactMap { $0["name"] as? String }) == Set(expected.keys))
    for difference in differences {
      let wanted = try #require(expected[difference["name"] as? String ?? ""])
      #expect(difference["first_index"] as? [Int] == wanted.index)
      #expect(difference["a"] as? String == "1.5" && difference["b"] as? String == "\(wanted.value)")
      #expect(difference["elements"] as? Int == 2)
    }
  }

  /// The digest of a tensor is that of the Hugging Face file's bytes, whatever it was converted to or from.
  @Test func aTensorHasOneDigestInTheReportsOfAllLayouts() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    var expected: [String: String] = [:]
    for tensor in try HuggingFaceFolder.open(hf).tensors {
      let file = try FileHandle(forReadingFrom: URL(filePath: try HuggingFaceFolder.open(hf).files[tensor.file].path))
      try file.seek(toOffset: tensor.range.lowerBound)
      let bytes = Array(try #require(try file.read(upToCount: tensor.range.count)))
      let digits = String(mimo_crc64(0, bytes, bytes.count), radix: 16)
      expected[tensor.name] = String(repeating: "0", count: 16 - digits.count) + digits
    }
    let layouts: [(format: String, options: [String])] = [
      ("mimo", ["--component", "language=tp=2,pp=2", "--component", "images=tp=1"]), ("megatron", []),
      ("megatron", ["--tp", "2", "--pp", "2"]), ("ranks", ["--tp", "2", "--pp", "2"]),
    ]
    for (number, layout) in layouts.enumerated() {
      let (there, back) = (model.path("there-\(number)"), model.path("back-\(number)"))
      try model.run(["convert", "--plugin", "Qwen3VL", "--to", layout.format] + layout.options + [hf, there])
      try model.run(["convert", "--plugin", "Qwen3VL", "--to", "hf", there, back])
      for folder in [there, back] {
        let sources = try #require(try readJSON(folder + "/conversion_report.json")["sources"] as? [[String: Any]])
        let digests = sources.map { ($0["name"] as? String ?? "", $0["crc64"] as? String ?? "") }
        #expect(Dictionary(uniqueKeysWithValues: digests) == expected, "\(layout.format) \(layout.options) \(folder)")
      }
    }
  }

  /// A report of something else must not end in "same".
  @Test func aReportWithoutDigestsOfTheCheckpointIsRefused() throws {
    let model = try Model("qwen3_vl")
    let megatron = try model.convert(try model.synth(), to: "megatron", "--to", "megatron")
    let back = try model.convert(megatron, to: "back", "--to", "hf")
    for folder in [megatron, back] {
      try editJSON(folder + "/conversion_report.json") { ($0["schema"], $0["sources"], $0["targets"]) = (1, [], []) }
      let result = try model.verify(folder)
      #expect(result.status == 3)
      #expect(result.errors.contains("has no digest of anything in the checkpoint"))
    }
  }

  /// Puts a bf16 into a file; answers the one that was there.
  private func replace(_ path: String, at offset: UInt64, with bits: UInt16) throws -> Float {
    let file = try FileHandle(forUpdating: URL(filePath: path))
    defer { try? file.close() }
    try file.seek(toOffset: offset)
    let old = try #require(try file.read(upToCount: 2)).reversed().reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
    try file.seek(toOffset: offset)
    try file.write(contentsOf: withUnsafeBytes(of: bits.littleEndian) { Data($0) })
    return Float(bitPattern: UInt32(old) << 16)
  }
}
