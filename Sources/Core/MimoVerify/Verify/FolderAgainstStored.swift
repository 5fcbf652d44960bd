import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// A Hugging Face folder and a Megatron checkpoint, each of the model that its own config says.
struct FolderAgainstStored {
  let comparison: Comparison
  let format: String
  let differences: [VerifyReport.Tensor]
  let skipped: [VerifyReport.Skipped]
  let notes: [String]

  static let basis = "what Megatron stores: the Hugging Face side goes through the import's mapping"

  /// - Parameter isFirst: whether the folder is A.
  init(
    folder path: String, isFirst: Bool, stored other: String, _ format: CheckpointFormat, _ request: VerifyRequest,
    plugin: PluginLibrary
  ) throws(MimoError) {
    let opened = try HuggingFaceFolder.open(path)
    let models = try ComparedModels(request, folder: path)
    let stored = try OpenedStored(other, format, of: try models.origin(of: other), request, plugin: plugin)
    let own = try models.described(stored.naming, stored.part, plugin)
    let folder = try SourceMatch.settled(opened, own)
    let match = try SourceMatch(own, folder, decoded: FolderAgainstStored.decodedDType(own, stored))
    let differing = try TieCheck.run(match.duplicates, in: folder)
    let (mine, others) = (
      FolderAgainstStored.tensors(own, match, stored.part), stored.tensors(leavingOut: own.drops)
    )
    let matched = isFirst ? TensorPairs(mine, others) : TensorPairs(others, mine)
    let sides = try FolderAgainstStored.sides(matched.pairs, isFirst: isFirst, match.whole, folder, stored)
    let pairs = matched.pairs.enumerated().map { number, pair in
      // The folder's tensors are in the order of the pairs.
      var pair = pair
      if isFirst { pair.a = number } else { pair.b = number }
      return pair
    }
    comparison = Comparison(
      a: isFirst ? sides.folder : sides.stored, b: isFirst ? sides.stored : sides.folder, pairs: pairs)
    self.format = stored.format
    differences = matched.differences
    notes = matched.notes + stored.rowNotes.map { "\(isFirst ? "B" : "A"): \($0)" }
    let equal = match.duplicates.filter { duplicate in !differing.contains { $0.name == duplicate.name } }
    skipped =
      matched.skipped + (match.drops + differing).map { .init(name: $0.name, reason: $0.reason) }
      + equal.map { .init(name: $0.name, reason: "is the same as \($0.original), which it is tied to") }
  }

  /// What the import decoded the folder's codes to; bf16 where it has none.
  private static func decodedDType(_ own: ModelDescription, _ stored: OpenedStored) -> DType {
    let encoded = Set(own.sources.lazy.filter { $0.encoding != nil }.map(\.name))
    return stored.gather.plan.whole.first { encoded.contains($0.name) }?.dtype ?? .bf16
  }

  private static func tensors(_ own: ModelDescription, _ match: SourceMatch, _ part: ModelPart) -> NamedTensors {
    let components = NamedTensors.components(of: own, part)
    let tensors = zip(own.sources, match.whole).enumerated().map { index, both in
      NamedTensors.Tensor(
        source: both.0, component: components[index], kernels: nil, place: (both.1.file, both.1.offset))
    }
    // It holds all that its config says: what another one has beyond that is no matter of layouts.
    return NamedTensors(tensors: tensors, ties: own.ties) { _ in nil }
  }

  /// The folder's tensors as an import into the chunks that are there would store them, and those chunks.
  private static func sides(
    _ pairs: [Comparison.Pair], isFirst: Bool, _ whole: [WholeTensor], _ folder: HuggingFaceFolder, _ stored: OpenedStored
  ) throws(MimoError) -> (folder: ComparedSide, stored: ComparedSide) {
    var tensors: [WholeTensor] = []
    var forms: [StoredForm?] = []
    for pair in pairs {
      let (own, other) = isFirst ? (pair.a, pair.b) : (pair.b, pair.a)
      tensors.append(whole[own])
      forms.append(try StoredForm(of: whole[own], as: other, in: stored.gather))
    }
    let files = folder.files.map { StoredFile(path: $0.path, size: $0.size) }
    return (ComparedSide(content: .whole(tensors, forms: forms), files: try ChunkFiles.open(files)), stored.side)
  }
}
