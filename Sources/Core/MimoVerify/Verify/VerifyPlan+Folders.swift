import MimoCheckpoints
import MimoContainers
import MimoConversion
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension VerifyPlan {
  /// Two Hugging Face folders: name by name where they hold the same names; through the plugin's mapping where they
  /// store the experts in different forms.
  init(
    folders first: String, _ second: String, _ request: VerifyRequest, plugin: PluginLibrary
  ) throws(MimoError) {
    let a = try DescribedFolder(first, plugin: plugin)
    let b = try DescribedFolder(second, plugin: plugin)
    // A model that lacks some tensors has the same form; one with other names instead has another.
    let isSubset = a.storedNames.isSubset(of: b.storedNames) || b.storedNames.isSubset(of: a.storedNames)
    let isSameForm = isSubset && a.isEncoded(like: b)
    let pairing =
      if isSameForm { try FolderPairing(a, b) } else if b.isEncoded {
        try FolderPairing(b, mapped: a).exchanged
      } else { try FolderPairing(a, mapped: b) }
    var report = VerifyReport(
      a: .init(path: first, format: "hf"), b: .init(path: second, format: "hf"), basis: pairing.basis)
    report.differences = pairing.differences
    report.notes = pairing.notes
    try self.init(pairing.comparison, request, report)
  }
}

/// A Hugging Face folder and what the plugin says of it.
private struct DescribedFolder {
  let folder: HuggingFaceFolder
  let config: ModelConfig
  let description: ModelDescription
  let tensors: [WholeTensor]
  let files: [StoredFile]

  init(_ path: String, plugin: PluginLibrary) throws(MimoError) {
    let source = try ImportSource.open(path)
    config = source.config
    let input = source.config.input(sources: source.shapes, options: [:])
    description = try SynthPlan.fullest(input, plugin)
    folder = try SourceMatch.settled(try HuggingFaceFolder.open(path), description)
    files = ImportSource.folder(folder).files
    tensors = folder.tensors.map {
      WholeTensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, file: $0.file, offset: $0.range.lowerBound)
    }
  }

  /// Names of the tensors that the description reads.
  var storedNames: Set<String> { Set(description.sources.flatMap(\.storedNames)) }
  /// Whether the tensors of both are codes and scales in both.
  func isEncoded(like other: DescribedFolder) -> Bool {
    let encodings = Dictionary(
      description.sources.map { ($0.name, $0.encoding) }, uniquingKeysWith: { first, _ in first })
    return other.description.sources.allSatisfy { source in
      encodings[source.name].map { $0 == source.encoding } ?? true
    }
  }

  var isEncoded: Bool { description.sources.contains { $0.encoding != nil } }

  /// The description's tensors, decoded to the model's own dtype where they are codes and scales.
  func match() throws(MimoError) -> SourceMatch {
    try SourceMatch(description, folder, decoded: isEncoded ? try config.dtype(asked: nil) : .bf16)
  }

  func side() throws(MimoError) -> ComparedSide {
    ComparedSide(
      content: .whole(tensors, forms: Array(repeating: nil, count: tensors.count)), files: try ChunkFiles.open(files))
  }
}

/// Which tensors of two folders belong together.
private struct FolderPairing {
  let comparison: Comparison
  let basis: String
  let differences: [VerifyReport.Tensor]
  let notes: [String]

  private init(_ comparison: Comparison, _ basis: String, _ differences: [VerifyReport.Tensor], _ notes: [String]) {
    self.comparison = comparison
    self.basis = basis
    self.differences = differences
    self.notes = notes
  }

  /// With the two folders in each other's place; for a pairing by the mapping, which tells of tensors that are missing.
  var exchanged: FolderPairing {
    let exchanged = differences.map { difference in
      guard case .missing(let side) = difference.difference else { return difference }
      return VerifyReport.Tensor(name: difference.name, difference: .missing(from: side == "A" ? "B" : "A"))
    }
    return FolderPairing(comparison.exchanged, basis, exchanged, notes)
  }

  /// By name. A tied tensor that only one folder stores is compared with its original in the other.
  init(_ a: DescribedFolder, _ b: DescribedFolder) throws(MimoError) {
    let names = NamePairs(a, b)
    basis = "Hugging Face tensors: names, shapes, dtypes and bits"
    comparison = Comparison(a: try a.side(), b: try b.side(), pairs: names.pairs)
    differences = names.differences
    notes = names.notes
  }

  /// Through the targets that both are mapped to: B's tensors are read as chunks of them, in the order of A's.
  init(_ a: DescribedFolder, mapped b: DescribedFolder) throws(MimoError) {
    basis = "Hugging Face values; the folders store them under different names, so the mapping says which belong together"
    guard !b.isEncoded else {
      throw MimoError(
        .unsupported, "both folders hold codes and scales, in different forms", path: b.folder.path,
        remedy: "Compare each with a Megatron checkpoint")
    }
    let (match, other) = (try a.match(), try b.match())
    let common = try CommonTargets(a.description, b.description)
    let catalog = try StoredCatalog(fragmentsOf: b.description, in: other.whole, files: b.files).keeping(common.places)
    let gather = try GatherPlan(common.description, catalog)
    let whole = common.sources.map { match.whole[$0] }
    comparison = Comparison(
      a: ComparedSide(
        content: .whole(whole, forms: Array(repeating: nil, count: whole.count)), files: try ChunkFiles.open(a.files)),
      b: ComparedSide(content: .stored(gather.plan), files: try ChunkFiles.open(b.files)),
      pairs: whole.enumerated().map { index, tensor in
        Comparison.Pair(name: tensor.name, shape: tensor.shape, a: index, b: index, order: (tensor.file, tensor.offset))
      })
    differences =
      common.onlyFirst.map { .init(name: $0, difference: .missing(from: "B")) }
      + common.onlySecond.map { .init(name: $0, difference: .missing(from: "A")) }
    notes = match.duplicates.map { "\($0.name) of \(a.folder.path) is tied to \($0.original) and was not compared on its own" }
  }
}

/// The tensors of two folders, by name.
private struct NamePairs {
  private(set) var pairs: [Comparison.Pair] = []
  private(set) var differences: [VerifyReport.Tensor] = []
  private(set) var notes: [String] = []

  init(_ a: DescribedFolder, _ b: DescribedFolder) {
    let originals = Dictionary(
      (a.description.ties + b.description.ties).map { ($0.duplicate, $0.original) }, uniquingKeysWith: { first, _ in first })
    for (index, tensor) in a.tensors.enumerated() {
      if let position = b.folder.position(of: tensor.name) {
        add(tensor.name, tensor, index, b.tensors[position], position)
      } else if let original = originals[tensor.name], let position = b.folder.position(of: original) {
        notes.append("\(tensor.name) is only in A, and was compared with \(original) of B, which it is tied to")
        add(tensor.name, tensor, index, b.tensors[position], position)
      } else {
        differences.append(.init(name: tensor.name, difference: .missing(from: "B")))
      }
    }
    for (position, tensor) in b.tensors.enumerated() where a.folder.position(of: tensor.name) == nil {
      if let original = originals[tensor.name], let index = a.folder.position(of: original) {
        notes.append("\(tensor.name) is only in B, and was compared with \(original) of A, which it is tied to")
        add(tensor.name, a.tensors[index], index, tensor, position)
      } else {
        differences.append(.init(name: tensor.name, difference: .missing(from: "A")))
      }
    }
  }

  private mutating func add(_ name: String, _ a: WholeTensor, _ index: Int, _ b: WholeTensor, _ other: Int) {
    guard a.shape == b.shape else {
      differences.append(.init(name: name, difference: .shape(a: Array(a.shape.dims), b: Array(b.shape.dims))))
      return
    }
    pairs.append(.init(name: name, shape: a.shape, a: index, b: other, order: (a.file, a.offset)))
  }
}
