import Foundation
import Testing

/// Checkpoints of a model and of what became of it: each is opened by its own config.
@Suite struct VerifyModelTests {
  private static let plugin = ["--plugin", "Qwen3VL"]
  private static let fsdp = ["--to", "fsdp_dtensor", "--fsdp", "2"]
  private static let ranks = ["--to", "ranks", "--tp", "2", "--pp", "2"]

  /// A dense Qwen3.5-VL in every format: with its prediction layers, without them, and where there is no place for them.
  private struct Family {
    let scratch: Scratch
    let whole: [String]
    let without: [String]
    let mimo: [String]

    init() throws {
      let scratch = try Scratch()
      func make(_ source: String, _ arguments: [String], _ name: String) throws -> String {
        try Host.convert(plugin + arguments + [source, scratch(name)])
        return scratch(name)
      }
      let source = Fixtures.dense
      let mimo = try make(source, Detour.mimo, "mimo")
      let wrapped = try make(mimo, ["--to", "fsdp_dtensor", "--fsdp", "2"], "wrapped")
      whole = [
        source, try make(source, Detour.single + ["--tp", "2"], "megatron"), try make(source, fsdp, "fsdp"),
        try make(source, ranks, "ranks"),
      ]
      without = [
        try make(mimo, ["--to", "hf"], "hf-without"), try make(wrapped, Detour.single + ["--tp", "2"], "megatron-without"),
        wrapped, try make(mimo, ranks, "ranks-without"),
      ]
      self.mimo = [mimo]
      self.scratch = scratch
    }
  }

  private struct Told {
    var code: Int32
    var missing: [String: String]
    var others: [String]
    var skipped: Int

    init(_ a: String, _ b: String) throws {
      let outcome = try Host.run(["verify", "--json"] + plugin + [a, b])
      code = outcome.code
      let json = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(a) \(b): \(outcome.errors)")
      missing = [:]
      others = []
      for difference in json["differences"] as? [[String: Any]] ?? [] {
        let name = difference["name"] as? String ?? ""
        if let side = difference["missing_from"] as? String { missing[name] = side } else { others.append(name) }
      }
      skipped = (json["not_compared"] as? [Any])?.count ?? 0
      #expect(json["same"] as? Bool == (code == 0) && (json["tensors_compared"] as? Int ?? 0) > 100)
    }
  }

  /// The square HF -> mimo -> fsdp_dtensor -> megatron against its corners, and each format against each other one.
  @Test func whatOnlyOneSideHasIsADifferenceOfBothOrders() throws {
    let family = try Family()
    let names = Set(try TensorFact.folder(Fixtures.dense).keys.filter { $0.hasPrefix("mtp.") })
    try #require(names.count == 15)
    for whole in family.whole {
      for without in family.without {
        for (a, b, side) in [(whole, without, "B"), (without, whole, "A")] {
          let told = try Told(a, b)
          #expect(told.code == 7, "\(a) \(b)")
          #expect(Set(told.missing.keys) == names && Set(told.missing.values) == [side], "\(a) \(b): \(told.missing)")
          // A folder keeps what bf16 can not hold of 1 + w; the export of another checkpoint does not have it.
          let isFolders = whole == Fixtures.dense && without.hasSuffix("hf-without")
          #expect(isFolders ? told.others.allSatisfy { $0.hasSuffix("linear_attn.norm.weight") } : told.others == [])
        }
      }
    }
  }

  @Test func whatBothHaveIsTheSameInBothOrders() throws {
    let family = try Family()
    for forms in [family.whole, family.without] {
      for a in forms {
        for b in forms where a != b {
          let told = try Told(a, b)
          #expect(told.code == 0 && told.missing == [:] && told.others == [] && told.skipped == 0, "\(a) \(b)")
        }
      }
    }
  }

  /// MIMO has no place for prediction layers: they are named, and no difference.
  @Test func whatALayoutHasNoPlaceForIsNamedInBothOrders() throws {
    let family = try Family()
    for mimo in family.mimo {
      for (others, count) in [(family.whole, 15), (family.without, 0)] {
        for other in others {
          for (a, b) in [(mimo, other), (other, mimo)] {
            let told = try Told(a, b)
            #expect(told.code == 0 && told.skipped == count, "\(a) \(b)")
          }
        }
      }
    }
  }

  @Test func aFlippedBitIsStillFoundBesideWhatIsMissing() throws {
    let family = try Family()
    let rank = family.scratch("ranks-without") + "/rank-0000.safetensors"
    let embedding = try StoredBytes("language_model.embedding.word_embeddings.weight", in: rank)
    try embedding.write([try embedding.read()[0] ^ 1])
    for other in family.whole + family.without + family.mimo where other != family.scratch("ranks-without") {
      for (a, b) in [(other, family.scratch("ranks-without")), (family.scratch("ranks-without"), other)] {
        let told = try Told(a, b)
        #expect(told.code == 7 && told.others.contains("model.language_model.embed_tokens.weight"), "\(a) \(b)")
      }
    }
  }

  // MARK: Nothing in common

  @Test func checkpointsThatShareNothingAreNotTheSame() throws {
    let scratch = try Scratch()
    for part in ["images", "language"] {
      try Host.convert(VerifyModelTests.plugin + Detour.single + ["--only", part, Fixtures.dense, scratch(part)])
    }
    for (a, b, other) in [("images", "language", "language"), ("language", "images", "images")] {
      let outcome = try Host.run(["verify"] + VerifyModelTests.plugin + [scratch(a), scratch(b)])
      #expect(outcome.code == 3 && !outcome.output.contains("same"))
      for words in [scratch(a), scratch(b), "nothing was compared", "not in B: it holds component \(other) alone"] {
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
      }
    }
    let whole = scratch("whole")
    try Host.convert(VerifyModelTests.plugin + Detour.single + [Fixtures.dense, whole])
    for pair in [[whole, scratch("images")], [scratch("language"), whole], [Fixtures.dense, scratch("language")]] {
      let outcome = try Host.run(["verify"] + VerifyModelTests.plugin + pair)
      #expect(outcome.code == 0 && outcome.output.contains("not compared: "), "\(pair): \(outcome.output)\(outcome.errors)")
    }
  }

  // MARK: Other forms

  /// One model has a head of its own, the other's is tied: they are compared, and that is said.
  @Test func aHeadOfItsOwnIsComparedWithTheOneThatIsTied() throws {
    let (own, tied) = (try Model("qwen3_vl"), try Model("qwen3_vl_tied"))
    var sides: [[String]] = []
    for model in [own, tied] {
      let hf = try model.synth()
      let megatron = try model.convert(hf, to: "megatron", "--to", "megatron")
      sides.append([hf, megatron, try model.convert(hf, to: "ranks", "--to", "ranks", "--tp", "2")])
    }
    for a in sides[0] {
      for b in sides[1] {
        for (pair, side) in [([a, b], "A"), ([b, a], "B")] {
          let outcome = try Host.run(["verify"] + VerifyModelTests.plugin + pair)
          #expect(outcome.code == 7 && outcome.output.contains("differs: lm_head.weight: "), "\(outcome.output)")
          #expect(outcome.output.contains("lm_head.weight is only in \(side), and was compared with"), "\(pair)")
          #expect(outcome.output.contains("different: 1 tensor"), "\(pair): \(outcome.output)")
        }
      }
    }
  }

  /// Packed experts with prediction layers against experts one by one without them.
  @Test func foldersOfOtherFormsTellWhatOnlyOneHas() throws {
    let model = try Model("qwen3_5_vl_moe")
    let packed = try model.synth("packed", "--expert-storage", "packed")
    let mimo = try model.convert(
      packed, to: "mimo", "--to", "mimo", "--component", "language=tp=1", "--component", "images=tp=1")
    let single = try model.convert(mimo, to: "single", "--to", "hf", "--expert-storage", "per-expert")
    let megatron = try model.convert(packed, to: "megatron", "--to", "megatron")
    let lost = Set(try TensorFact.folder(packed).keys.filter { $0.hasPrefix("mtp.") })
    let folders = [([packed, single], "B"), ([single, packed], "A")]
    for (pair, side) in folders + [([megatron, single], "B"), ([single, megatron], "A")] {
      let told = try Told(pair[0], pair[1])
      #expect(told.code == 7 && Set(told.missing.values) == [side], "\(pair)")
      // Megatron's side is told in the form of the folder.
      let names = pair.contains(megatron) ? Set(told.missing.keys.filter { $0.hasPrefix("mtp.") }) : Set(told.missing.keys)
      #expect(names.count == told.missing.count && (pair.contains(megatron) || names == lost), "\(pair): \(told.missing)")
      // What MIMO's bf16 and 1 + w did not keep.
      let others = told.others.filter { !$0.hasSuffix("linear_attn.norm.weight") && !$0.hasSuffix("A_log") }
      #expect(others == [], "\(pair)")
    }
    let same = try Host.run(["verify"] + VerifyModelTests.plugin + [mimo, single])
    #expect(same.code == 0, "\(same.output)\(same.errors)")
  }
}
