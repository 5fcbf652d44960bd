import Foundation
import MimoChecksum
import Testing

/// The files that a report lists.
@Suite struct ReportTests {
  struct Output: Sendable, CustomTestStringConvertible {
    var model: String
    var format: String
    var options: [String] = []
    /// Each is converted to in turn before.
    var via: [[String]] = []
    var splice = false
    var testDescription: String { "\(model) \(via.map { $0.joined(separator: " ") } + [format] + options)\(splice ? " splice" : "")" }

    static let mimo = ["--to", "mimo", "--component", "language=tp=2,pp=2,dp=1", "--component", "images=tp=1"]
    static let all = [
      Output(model: "qwen3_vl", format: "mimo", options: Array(mimo.dropFirst(2))),
      Output(model: "qwen3_5_vl_moe", format: "megatron", options: ["--tp", "2", "--pp", "2"]),
      Output(model: "qwen3_vl_moe", format: "ranks", options: ["--tp", "2", "--pp", "2", "--ep", "2"]),
      Output(model: "qwen3_5_vl", format: "ranks", options: ["--tp", "2"]),
      Output(model: "qwen3_vl", format: "fsdp_dtensor", options: ["--fsdp", "3"]),
      Output(model: "qwen3_5_vl_moe", format: "prime", options: ["--max-shard-size", "300000"]),
      Output(model: "qwen3_vl_tied", format: "hf", via: [["--to", "megatron"]]),
      Output(model: "qwen3_vl_moe", format: "hf", options: ["--max-shard-size", "100000"], via: [mimo]),
      Output(model: "qwen3_5_vl_moe", format: "hf", via: [["--to", "prime"]]),
      Output(model: "qwen3_vl", format: "megatron", options: ["--tp", "2"], via: [["--to", "megatron", "--pp", "2"]]),
      Output(model: "qwen3_vl", format: "ranks", options: ["--tp", "2"], via: [["--to", "fsdp_dtensor", "--fsdp", "2"]]),
      Output(model: "qwen3_vl", format: "fsdp_dtensor", options: ["--fsdp", "2"], via: [["--to", "megatron"]]),
      Output(model: "qwen3_vl", format: "megatron", splice: true),
      Output(model: "qwen3_vl", format: "hf", splice: true),
    ]

    func make(in model: Model) throws -> String {
      var source = try model.synth()
      if splice {
        let other = try model.synth("other", "--seed", "1")
        try model.run(
          ["splice", "--plugin", "Qwen3VL", "--from", "images=\(other)", "--to", format] + options + [source, model.path("out")])
        return model.path("out")
      }
      for (number, step) in via.enumerated() {
        try model.run(["convert", "--plugin", "Qwen3VL"] + step + [source, model.path("via-\(number)")])
        source = model.path("via-\(number)")
      }
      try model.run(["convert", "--plugin", "Qwen3VL", "--to", format] + options + [source, model.path("out")])
      return model.path("out")
    }
  }

  /// Digests of weights are put together from those of their parts, and are those of a plain read all the same.
  @Test(arguments: Output.all) func everyFileIsListedWithSizeTimeAndDigest(_ output: Output) throws {
    let model = try Model(output.model)
    let out = try output.make(in: model)
    let report = try readJSON(out + "/conversion_report.json")
    #expect(report["schema"] as? Int == 2)
    let files = try #require(report["files"] as? [[String: Any]])
    let names = files.compactMap { $0["path"] as? String }
    let found = try FileManager.default.subpathsOfDirectory(atPath: out).filter { path in
      try FileManager.default.attributesOfItem(atPath: "\(out)/\(path)")[.type] as? FileAttributeType == .typeRegular
    }
    #expect(Set(names) == Set(found).subtracting(["conversion_report.json"]) && names.count == Set(names).count)
    var combined = 0
    for file in files {
      let path = try #require(file["path"] as? String)
      let bytes = Array(try Data(contentsOf: URL(filePath: "\(out)/\(path)")))
      #expect(file["bytes"] as? Int == bytes.count, "\(path)")
      var record = stat()
      #expect(lstat("\(out)/\(path)", &record) == 0)
      #expect(file["mtime_ns"] as? Int == record.st_mtim.tv_sec * 1_000_000_000 + record.st_mtim.tv_nsec, "\(path)")
      let digest = try #require(file["digest"] as? [String: String])
      #expect(digest.count == 1)
      if let crc = digest["crc32"] {
        combined += 1
        #expect(UInt32(crc, radix: 16) == mimo_crc32(0, bytes, bytes.count), "\(path)")
      } else {
        #expect(digest["crc64"].flatMap { UInt64($0, radix: 16) } == mimo_crc64(0, bytes, bytes.count), "\(path)")
      }
    }
    // CRC-32 is that of chunks: no file with it was read. An export has CRC-64 of tensors.
    let weights = names.count { $0.hasSuffix(".distcp") || $0.hasSuffix(".safetensors") }
    #expect(weights > 0 && combined == (output.format == "hf" ? 0 : weights))
  }

  /// A chunk is found by its box and its file, whatever the order of the list.
  @Test(arguments: Output.all.filter { $0.format != "hf" })
  func chunksTileTheirTargetsInListedFiles(_ output: Output) throws {
    let model = try Model(output.model)
    let report = try readJSON(try output.make(in: model) + "/conversion_report.json")
    let files = Set(try #require(report["files"] as? [[String: Any]]).compactMap { $0["path"] as? String })
    for target in try #require(report["targets"] as? [[String: Any]]) {
      let name = target["name"] as? String ?? ""
      let shape = try #require(target["shape"] as? [Int])
      let chunks = try #require(target["chunks"] as? [[String: Any]])
      var boxes: [String: Int] = [:]
      for chunk in chunks {
        #expect(files.contains(try #require(chunk["file"] as? String)), "\(name)")
        #expect((chunk["crc32"] as? String)?.count == 8)
        let (offset, extent) = (try #require(chunk["offset"] as? [Int]), try #require(chunk["extent"] as? [Int]))
        #expect(offset.count == shape.count && extent.count == shape.count)
        #expect(zip(zip(offset, extent), shape).allSatisfy { $0.0 + $0.1 <= $1 }, "\(name)")
        boxes["\(offset) \(extent)"] = extent.reduce(1, *)
      }
      #expect(boxes.values.reduce(0, +) == shape.reduce(1, *), "\(name): copies of a box have its place")
    }
  }

  /// A digit changed in the report must neither hide a wrong file nor accuse a right one.
  @Test func aChangedReportIsRefused() throws {
    let model = try Model("qwen3_vl")
    let out = try model.convert(try model.synth(), to: "out", "--to", "megatron")
    let path = out + "/conversion_report.json"
    var bytes = try Data(contentsOf: URL(filePath: path))
    let place = try #require(bytes.firstRange(of: Data("iter_0000000/__0_0.distcp".utf8)))
    bytes[place.lowerBound + 5] ^= 1
    try bytes.write(to: URL(filePath: path))
    let result = try model.verify(out)
    #expect(result.status == 3 && result.errors.contains("does not end with its digest"), "\(result.errors)")
  }
}
