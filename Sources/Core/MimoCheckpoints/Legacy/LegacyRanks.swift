import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem

/// The files of a legacy checkpoint as the ranks that wrote them.
struct LegacyRanks: Sendable {
  struct Rank: Sendable, Hashable {
    var tp = 0
    var pp = 0
    var ep = 0
  }

  /// One rank's file and the tensors of its modules.
  struct File: Sendable {
    var rank: Rank
    var content: LegacyRank
    var modules: [[String: StoredTensor]]
  }

  let files: [File]
  let sizes: ClusterLayout.SingleRequest
  /// Modules a rank: more than one in an interleaved pipeline.
  let moduleCount: Int

  init(_ checkpoint: LegacyCheckpoint) throws(MimoError) {
    var files: [File] = []
    for part in checkpoint.parts {
      let content = try LegacyRank(path: FileSystem.join(checkpoint.path, part.name))
      let modules = try content.modules().map { entries throws(MimoError) in
        var tensors = [String: StoredTensor](minimumCapacity: entries.count)
        // State of a module (FP8 scales, calibration) is no weight.
        for (name, value) in entries where !name.hasSuffix("_extra_state") {
          guard let tensor = try content.tensor(value) else { continue }
          tensors[name] = tensor
        }
        return tensors
      }
      files.append(
        File(rank: LegacyRanks.rank(part.numbers, content.arguments), content: content, modules: modules))
    }
    self.files = files
    moduleCount = files.map(\.modules.count).max() ?? 1
    let arguments = files.first?.content.arguments
    func number(_ names: String...) -> Int? {
      names.lazy.compactMap { arguments?[$0]?.intValue }.first.flatMap { Int(exactly: $0) }
    }
    let tp = (files.map(\.rank.tp).max() ?? 0) + 1
    sizes = ClusterLayout.SingleRequest(
      tp: tp, pp: (files.map(\.rank.pp).max() ?? 0) + 1, ep: (files.map(\.rank.ep).max() ?? 0) + 1,
      etp: number("expert_tensor_parallel_size") ?? tp,
      ppFirst: number("num_layers_in_first_pipeline_stage", "decoder_first_pipeline_num_layers"),
      ppLast: number("num_layers_in_last_pipeline_stage", "decoder_last_pipeline_num_layers"))
    try check(checkpoint)
  }

  /// Names of all tensors of each file, the module's number in front.
  var names: [Set<String>] {
    files.map { file in
      Set(file.modules.enumerated().flatMap { module, tensors in tensors.keys.map { "\(module) \($0)" } })
    }
  }

  /// A folder's name has the pipeline rank only where there is a pipeline, and the expert rank where experts are spread.
  private static func rank(_ numbers: [Int], _ arguments: PickleValue?) -> Rank {
    if numbers.count == 3 { return Rank(tp: numbers[0], pp: numbers[1], ep: numbers[2]) }
    guard numbers.count == 2 else { return Rank(tp: numbers[0]) }
    let isPipeline = (arguments?["pipeline_model_parallel_size"]?.intValue ?? 2) > 1
    return isPipeline ? Rank(tp: numbers[0], pp: numbers[1]) : Rank(tp: numbers[0], ep: numbers[1])
  }

  /// All ranks are there, once each, with as many modules, and experts are cut as all else is, or not at all.
  private func check(_ checkpoint: LegacyCheckpoint) throws(MimoError) {
    let (tp, pp, ep, etp) = (sizes.tp ?? 1, sizes.pp ?? 1, sizes.ep ?? 1, sizes.etp ?? 1)
    guard etp == tp || etp == 1 else {
      throw MimoError(
        .unsupported, "its experts are split by etp \(etp), all else by tp \(tp)", path: checkpoint.path,
        remedy: "Save it as torch_dist with Megatron first")
    }
    // Whole experts are spread over the tp ranks too: rank r of a stage is tp rank r % tp and ep rank r % ep.
    let expected = (0..<(tp * ep)).reduce(into: Set<Rank>()) { ranks, rank in
      let place = etp == tp ? (rank % tp, rank / tp) : (rank % tp, rank % ep)
      for stage in 0..<pp { ranks.insert(Rank(tp: place.0, pp: stage, ep: place.1)) }
    }
    guard Set(files.map(\.rank)) == expected, files.count == expected.count else {
      throw MimoError(
        .invalidInput, "\(counted(files.count, "file")) for the \(counted(expected.count, "rank")) of tp \(tp), pp \(pp), ep \(ep), etp \(etp)",
        path: checkpoint.path, remedy: "Copy the missing mp_rank_* folders")
    }
    for file in files { try LegacyRanks.checkVersion(file.content) }
    if let odd = files.first(where: { $0.modules.count != moduleCount }) {
      throw MimoError(
        .invalidInput, "holds \(odd.modules.count) modules, another rank \(moduleCount)", path: odd.content.path)
    }
    if moduleCount > 1, sizes.ppFirst != nil || sizes.ppLast != nil {
      throw MimoError(
        .unsupported, "its interleaved pipeline has stages of uneven size", path: checkpoint.path,
        remedy: "Save it as torch_dist with Megatron first")
    }
  }

  /// Versions before 3 have the rows of attention in other orders. Source: Megatron-LM `fix_query_key_value_ordering`.
  private static func checkVersion(_ file: LegacyRank) throws(MimoError) {
    let version: Double? =
      switch file["checkpoint_version"] {
      case .float(let number): number
      case .int(let number): Double(number)
      default: nil
      }
    if let version, version >= 3 { return }
    let word = version.map { "has checkpoint_version \($0)" } ?? "has no checkpoint_version"
    throw MimoError(
      .unsupported, "\(word): before 3.0 query, key and value lie in another order", path: file.path,
      remedy: "Load and save it once with a newer Megatron")
  }

  /// Where a target lies: pipeline stage, module of the stage, number of its layer there.
  ///
  /// An interleaved pipeline deals the layers out in turns: module 0 of each stage, then module 1 of each.
  func place(
    of target: TargetDeclaration, _ sharding: Sharding
  ) throws(MimoError) -> (stage: Int, module: Int, layer: Int?) {
    let stages = sizes.pp ?? 1
    guard moduleCount > 1 else { return (sharding.stage, 0, sharding.localLayer ?? target.layer?.index) }
    switch target.placement.stage {
    case .first: return (0, 0, target.layer?.index)
    case .last: return (stages - 1, moduleCount - 1, target.layer?.index)
    case .layer(let layer):
      let turns = stages * moduleCount
      guard let count = target.layer?.count, count % turns == 0 else {
        throw MimoError(
          .unsupported, "its layers do not divide by pp \(stages) x \(moduleCount) modules", tensor: target.globalName)
      }
      let share = count / turns
      let turn = layer / share
      return (turn % stages, turn / stages, layer % share)
    }
  }
}
