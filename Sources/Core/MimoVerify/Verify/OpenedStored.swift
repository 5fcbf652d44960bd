import MimoCheckpoints
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// A Megatron checkpoint that is ready to be gathered.
struct OpenedStored {
  let format: String
  let naming: ModelNaming
  let part: ModelPart
  let origin: ModelOrigin
  let gather: GatherPlan
  let side: ComparedSide
  /// Keys that are no weights.
  let leftBehind: [String]
  /// What is to be said of rows that are not compared.
  let rowNotes: [String]

  init(
    _ path: String, _ format: CheckpointFormat, of origin: ModelOrigin, _ request: VerifyRequest, plugin: PluginLibrary
  ) throws(MimoError) {
    var stored = try StoredCheckpoint(path, format: format, of: origin, expertStorage: nil, plugin: plugin)
    try stored.locate(jobs: request.resources.jobs)
    naming = stored.naming
    part = try ModelPart(stored.only, of: plugin.info)
    leftBehind = stored.leftBehind
    self.origin = origin
    self.format = stored.formatName
    gather = try GatherPlan(stored.description, stored.catalog)
    side = ComparedSide(content: .stored(gather.plan), files: try ChunkFiles.open(stored.catalog.files))
    rowNotes = try UnreadRows.all(of: gather.plan).map { $0.note(stored.name(of: $0.target), are: "are not compared") }
  }

  /// What this layout has no place for of the model of another checkpoint.
  func rules(for other: OpenedStored, _ plugin: PluginLibrary) -> [DropRule] {
    if other.naming == naming { return other.gather.mapped.drops }
    // A layout that the other model can not be described in has no rules for it.
    let described = try? other.origin.describe(naming, expertStorage: nil, isWrittenPlain: false, plugin: plugin)
    return described?.drops ?? []
  }

  /// Its tensors, held against another checkpoint.
  ///
  /// - Parameter rules: what this layout has no place for of the other's model.
  func tensors(leavingOut rules: [DropRule]) -> NamedTensors {
    let components = NamedTensors.components(of: gather.mapped, part)
    let tensors = gather.mapped.sources.enumerated().map { index, source in
      NamedTensors.Tensor(source: source, component: components[index], kernels: gather.kernels(of: index), place: nil)
    }
    return NamedTensors(tensors: tensors, ties: gather.mapped.ties) { [part] tensor in
      if let only = part.component, tensor.component != only { return "it holds component \(only) alone" }
      return rules.first { Pattern.matches($0.pattern, tensor.source.name) }?.reason
    }
  }
}
