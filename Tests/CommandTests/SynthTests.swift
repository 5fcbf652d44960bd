import Foundation
import MimoContainers
import MimoSystem
import Testing

@Suite struct SynthTests {
  @Test func theSameSeedGivesTheSameBytesForAnyNumberOfJobs() throws {
    let model = try Model("qwen3_5_vl_moe")
    let one = try model.synth("one", "--jobs", "1")
    let many = try model.synth("many", "--jobs", "7", "--memory", "9M")
    let other = try model.synth("other", "--seed", "1")
    func bytes(_ folder: String) throws -> Data { try Data(contentsOf: URL(filePath: folder + "/model.safetensors")) }
    #expect(try bytes(one) == bytes(many))
    #expect(try bytes(one) != bytes(other))
  }

  @Test(arguments: [("BF16", 2), ("F32", 4), ("F16", 2)])
  func valuesAreFiniteAndNoneIsZero(_ dtype: String, _ width: Int) throws {
    let model = try Model("qwen3_5_vl")
    let option = ["BF16": "bfloat16", "F32": "float32", "F16": "float16"][dtype] ?? ""
    let folder = try HuggingFaceFolder.open(try model.synth("hf", "--dtype", option))
    let data = try Data(contentsOf: URL(filePath: folder.files[0].path))
    for tensor in folder.tensors {
      #expect(tensor.dtype.rawValue == dtype)
      let bytes = data[Int(tensor.range.lowerBound)..<Int(tensor.range.upperBound)]
      var seen: Set<UInt32> = []
      for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: width) {
        let bits = (0..<width).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[start + $1]) }
        let value = dtype == "BF16" ? Float(bitPattern: bits << 16) : dtype == "F32" ? Float(bitPattern: bits) : Float(Float16(bitPattern: UInt16(bits)))
        #expect(value.isFinite && abs(value) >= 1 / 256 && abs(value) < 1 / 16)
        seen.insert(bits)
      }
      // A transposition or a shift must show.
      #expect(seen.count > min(bytes.count / width, 100) / 2, "\(tensor.name)")
    }
  }

  @Test func shardsAndExpertFormsAreWhatIsAsked() throws {
    let model = try Model("qwen3_vl_moe")
    let packed = try HuggingFaceFolder.open(try model.synth("packed", "--expert-storage", "packed"))
    let single = try HuggingFaceFolder.open(
      try model.synth("single", "--expert-storage", "per-expert", "--max-shard-size", "100kB"))
    #expect(packed.tensors.contains { $0.name.hasSuffix("experts.gate_up_proj") })
    #expect(single.tensors.contains { $0.name.hasSuffix("experts.0.gate_proj.weight") })
    #expect(packed.files.count == 1)
    #expect(single.files.count > 3)
    #expect(single.index != nil)
    #expect(packed.totalTensorBytes == single.totalTensorBytes)
  }

  @Test func anExistingFolderStays() throws {
    let model = try Model("qwen3_vl")
    let folder = try model.synth()
    let again = try Command(["synth", "--plugin", "Qwen3VL", "--config", model.config, folder])
    #expect(again.status == 2)
    #expect(again.errors.contains("exists already"))
  }
}
