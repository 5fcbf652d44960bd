import Foundation
import Testing

/// The way there and back: a Hugging Face folder, its conversion, and the folder that an export makes of that.
struct RoundTrip {
  let source: String
  let back: String
  /// The import's conversion_report.json.
  let report: [String: Any]
  /// Held, so that the folders stay.
  private let scratch: Scratch
  private let original: TensorFacts
  private let returned: TensorFacts

  /// Converts, and exports again with nothing but the converted checkpoint at hand.
  init(_ command: [String], plugin: String, source: String, in scratch: Scratch) throws {
    let (there, back) = (scratch("there"), scratch("back"))
    try Host.convert(command + [there])
    try Host.convert(["--plugin", plugin, "--to", "hf", there, back])
    self.source = source
    self.back = back
    self.scratch = scratch
    report = try readJSON("\(there)/conversion_report.json")
    original = try TensorFact.folder(source)
    returned = try TensorFact.folder(back)
  }

  /// Everything comes back but for what the report of the import says, and that to the element.
  func check() throws {
    let drops = Set(names("omissions", "name"))
    #expect(Set(original.keys).subtracting(returned.keys) == drops)
    #expect(Set(returned.keys).subtracting(original.keys) == [])
    var changed: [String: Int] = [:]
    for (name, fact) in original {
      guard let other = returned[name] else { continue }
      #expect(other.dtype == fact.dtype && other.shape == fact.shape, "\(name)")
      let count = try differentElements(fact, other)
      if count > 0 { changed[name] = count }
    }
    #expect(changed == lossyElements, "elements that differ, and elements that the report says are lost")
    #expect(Set(names("dtype_changes", "tensor")) == narrowed(but: drops))
    try checkFiles(lossy: Set(changed.keys), drops: drops)
  }

  /// What Megatron holds in bf16: all that is wider, but for the router's bias. prime-rl casts nothing.
  private func narrowed(but drops: Set<String>) -> Set<String> {
    guard (report["output"] as? [String: Any])?["format"] as? String != "prime" else { return [] }
    return Set(
      original.filter { name, fact in
        fact.dtype == "F32" && !drops.contains(name) && !name.hasSuffix("e_score_correction_bias")
      }.keys)
  }

  private var lossyElements: [String: Int] {
    let entries = report["lossy"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: entries.compactMap { entry in
      guard let name = entry["tensor"] as? String, let count = entry["elements"] as? Int else { return nil }
      return (name, count)
    })
  }

  private func names(_ list: String, _ key: String) -> [String] {
    (report[list] as? [[String: Any]] ?? []).compactMap { $0[key] as? String }
  }

  private func differentElements(_ one: TensorFact, _ other: TensorFact) throws -> Int {
    guard case .bytes(let a) = one.content, case .bytes(let b) = other.content else { return 0 }
    if a == b { return 0 }
    let count = one.shape.reduce(1, *)
    let width = a.count / max(count, 1)
    return (0..<count).count { index in
      (0..<width).contains { a[a.startIndex + index * width + $0] != b[b.startIndex + index * width + $0] }
    }
  }

  /// Files are equal to the byte, but for the elements that are lost; with dropped tensors the weights' files are others.
  private func checkFiles(lossy: Set<String>, drops: Set<String>) throws {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: source)
    #expect(Set(try files.contentsOfDirectory(atPath: back)).subtracting(names) == ["conversion_report.json"])
    for name in names {
      let isWeights = name.contains(".safetensors")
      if !drops.isEmpty && (isWeights || name == "config.json") { continue }
      let (a, b) = (files.contents(atPath: "\(source)/\(name)"), files.contents(atPath: "\(back)/\(name)"))
      guard a != b else { continue }
      guard name.hasSuffix(".safetensors"), let a, let b else {
        Issue.record("\(name) is not the source's")
        continue
      }
      let held = Set(try TensorFact.safeTensors("\(source)/\(name)").keys)
      #expect(!held.isDisjoint(with: lossy), "\(name) is not the source's, though nothing of it is lost")
      #expect(a.count == b.count && a.prefix(headerEnd(a)) == b.prefix(headerEnd(a)), "\(name): header")
    }
    if !drops.isEmpty { try checkConfig(losesPrediction: drops.contains { $0.hasPrefix("mtp.") }) }
  }

  private func headerEnd(_ file: Data) -> Int { 8 + file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) } }

  /// A model without its prediction layers says so, and nothing else changes.
  private func checkConfig(losesPrediction: Bool) throws {
    var expected = try readJSON("\(source)/config.json")
    if losesPrediction, var text = expected["text_config"] as? [String: Any] {
      text["mtp_num_hidden_layers"] = 0
      expected["text_config"] = text
    }
    #expect(try readJSON("\(back)/config.json") as NSDictionary == expected as NSDictionary)
  }
}

/// What the reference lost on its own way back, from `export_report_*.json`.
struct ReferenceLosses {
  var missing: Set<String> = []
  var different: Set<String> = []

  /// The report that belongs to an output of a family.
  init(_ reference: ReferenceCase) throws {
    let parts = reference.output.split(separator: "/")
    let name = reference.isMimo ? "mimo_\(parts[1])" : "tp1"
    let report = try readJSON("\(reference.folder)/export_report_\(name).json")
    // Where the reference writes no files, the report is of the tensors alone.
    let files = report["save_hf_pretrained"] as? [String: Any] ?? report
    missing = Set(files["missing"] as? [String] ?? [])
    for key in ["different", "dtype_differs"] {
      different.formUnion((files[key] as? [[Any]] ?? []).compactMap { $0.first as? String })
    }
  }
}
