import Foundation
import MimoContainers
import MimoSystem
import Testing

@Suite struct VerifyTests {
  /// Every format and layout of a model that `verify` is shown.
  private static func forms(of model: Model) throws -> [String] {
    let hf = try model.synth()
    let mimo = try model.convert(
      hf, to: "mimo", "--to", "mimo", "--component", "language=tp=2,pp=2,dp=1", "--component", "images=tp=1")
    let megatron = try model.convert(hf, to: "megatron", "--to", "megatron", "--tp", "2")
    let ranks = try model.convert(hf, to: "ranks", "--to", "ranks", "--tp", "2", "--pp", "2")
    return [hf, mimo, megatron, ranks]
  }

  @Test(arguments: ["qwen3_vl", "qwen3_vl_tied", "qwen3_vl_moe", "qwen3_5_vl_moe", "qwen3_5_vl"])
  func allFormsOfOneModelAreTheSame(_ name: String) throws {
    let model = try Model(name)
    let forms = try VerifyTests.forms(of: model)
    for (index, a) in forms.enumerated() {
      for b in forms[index...] {
        let result = try model.verify(a, b)
        #expect(result.status == 0, "\(a) \(b): \(result.output)\(result.errors)")
        #expect(result.output.contains("\nsame: "))
      }
    }
  }

  /// prime keeps F32 parameters of the source, Megatron stores them in the model's dtype: bits were lost, and that is told.
  @Test func primeAgainstMegatronTellsTheDTypesThatWereNarrowed() throws {
    let model = try Model("qwen3_5_vl_moe")
    let hf = try model.synth()
    let prime = try model.convert(hf, to: "prime", "--to", "prime")
    let megatron = try model.convert(hf, to: "megatron", "--to", "megatron", "--tp", "2")
    let same = try model.verify(hf, prime)
    #expect(same.status == 0, "\(same.output)\(same.errors)")
    let narrowed = try model.verify(prime, megatron)
    #expect(narrowed.status == 7)
    let differences = narrowed.output.split(separator: "\n").filter { $0.hasPrefix("differs: ") }
    #expect(differences.count == 3)
    #expect(differences.allSatisfy { $0.contains("A_log: dtype is F32 in A, BF16 in B; the values agree") }, "\(differences)")
  }

  @Test func multiTokenPredictionOfOneSideIsNamedAsNotCompared() throws {
    let model = try Model("qwen3_5_vl_moe")
    let forms = try VerifyTests.forms(of: model)
    for pair in [(forms[0], forms[1]), (forms[1], forms[2])] {
      let result = try model.verify(pair.0, pair.1)
      #expect(result.output.contains("not compared: "))
      #expect(result.output.contains("the MIMO layout has no multi-token prediction layers"))
    }
  }

  @Test func aFlippedBitIsFoundByNameIndexAndValuesInEveryFormat() throws {
    let model = try Model("qwen3_vl")
    let forms = try VerifyTests.forms(of: model)
    let folder = try HuggingFaceFolder.open(forms[0])
    let tensor = try #require(folder.tensor("model.visual.blocks.1.mlp.linear_fc1.weight"))
    let columns = tensor.shape.dims[1]
    // Row 2, column 3: the high byte of a bf16.
    try flip(folder.files[0].path, at: tensor.range.lowerBound + UInt64((2 * columns + 3) * 2 + 1))
    for other in forms.dropFirst() {
      for pair in [(forms[0], other), (other, forms[0])] {
        let result = try model.verify(pair.0, pair.1)
        #expect(result.status == 7)
        #expect(result.output.contains("differs: \(tensor.name): 1 of "))
        #expect(result.output.contains("first at [2, 3]: "))
        #expect(result.output.contains("different: 1 tensor, 1 element, of "))
      }
    }
  }

  @Test func foldersThatStoreExpertsInOtherFormsAreTheSame() throws {
    let model = try Model("qwen3_vl_moe")
    let hf = try model.synth("hf", "--expert-storage", "packed")
    let megatron = try model.convert(hf, to: "megatron", "--to", "megatron")
    let single = try model.convert(megatron, to: "single", "--to", "hf", "--expert-storage", "per-expert")
    let same = try model.verify(hf, single)
    #expect(same.status == 0, "\(same.output)\(same.errors)")
    let file = try #require(try HuggingFaceFolder.open(single).files.first?.path)
    try flip(file, at: try size(file) - 1)
    let changed = try model.verify(hf, single)
    #expect(changed.status == 7)
    #expect(changed.output.contains("1 element, of "))
  }

  @Test func foldersInAnotherDTypeSaySo() throws {
    let model = try Model("qwen3_vl")
    let narrow = try model.synth("narrow")
    let megatron = try model.convert(narrow, to: "megatron", "--to", "megatron")
    let wide = try model.convert(megatron, to: "wide", "--to", "hf", "--dtype", "float32")
    let result = try model.verify(wide, narrow)
    #expect(result.status == 7)
    #expect(result.output.contains("dtype is F32 in A, BF16 in B; the values agree"))
    #expect(!result.output.contains("elements, first at"))
  }

  @Test func aHeadOfItsOwnIsNotTheOneThatIsTied() throws {
    let model = try Model("qwen3_vl")
    let tied = try Model("qwen3_vl_tied")
    let result = try model.verify(try model.synth(), try tied.synth())
    #expect(result.status == 7)
    #expect(result.output.contains("differs: lm_head.weight: "))
    #expect(result.output.contains("lm_head.weight is only in A, and was compared with"))
  }

  @Test(arguments: 1...3)
  func aCheckpointIsCheckedAgainstItsOwnReport(_ form: Int) throws {
    let model = try Model("qwen3_5_vl_moe")
    let forms = try VerifyTests.forms(of: model)
    let clean = try model.verify(forms[form])
    #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
    #expect(clean.output.contains("CRC-32"))
    let folder = form == 3 ? forms[form] : forms[form] + "/iter_0000000"
    let file = folder + (form == 3 ? "/rank-0000.safetensors" : "/__0_0.distcp")
    // In the elements of the first item, behind its frame of less than 2 kB, or at the end of the ranks' file.
    try flip(file, at: form == 3 ? try size(file) - 1 : 2048)
    let changed = try model.verify(forms[form])
    #expect(changed.status == 7)
    #expect(changed.output.contains("digest is "))
  }

  @Test func anExportedFolderIsCheckedAgainstItsOwnReport() throws {
    let model = try Model("qwen3_vl")
    let megatron = try model.convert(try model.synth(), to: "megatron", "--to", "megatron")
    let back = try model.convert(megatron, to: "back", "--to", "hf")
    let clean = try model.verify(back)
    #expect(clean.status == 0)
    #expect(clean.output.contains("CRC-64"))
    try flip(back + "/model.safetensors", at: try size(back + "/model.safetensors") - 1)
    #expect(try model.verify(back).status == 7)
  }

  @Test func aFolderWithoutAReportIsRefused() throws {
    let model = try Model("qwen3_vl")
    let hf = try model.synth()
    #expect(try model.verify(hf).status == 0)
    try disown(hf)
    let result = try model.verify(hf)
    #expect(result.status == 2)
    #expect(result.errors.contains("has no conversion_report.json"))
  }
}
