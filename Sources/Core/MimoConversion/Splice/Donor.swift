import MimoCheckpoints
import MimoContainers
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

/// The checkpoint that a component is taken from, held against the one that it is put into.
struct Donor {
  let checkpoint: StoredCheckpoint
  /// The places of its targets among those of the output's model.
  let places: [Int]
  /// What the user should know of it.
  let notes: [Note]

  /// Throws when the component is another one than the base's model has.
  ///
  /// - Parameters:
  ///   - base: the config of the model that it is put into.
  ///   - model: that model, in layout `naming`.
  init(
    _ splice: Splice, base: ModelConfig, model: ModelDescription, in naming: ModelNaming, request: ConversionRequest,
    plugin: PluginLibrary
  ) throws(MimoError) {
    let part = try ModelPart(splice.component, of: plugin.info)
    let format = try CheckpointFormat.recognise(splice.path)
    let origin = try Donor.origin(splice.path, format, request)
    try ComponentConfig(base, part).check(ComponentConfig(origin.config, part))
    var checkpoint = try StoredCheckpoint(
      splice.path, format: format, of: origin, only: splice.component, expertStorage: nil, isWrittenPlain: true,
      plugin: plugin)
    // In its own form: how Hugging Face stores experts is no matter of the parameters.
    let own = part.described(try origin.describe(naming, expertStorage: nil, isWrittenPlain: true, plugin: plugin))
    checkpoint.report = try SourceReport(of: splice.path, ignored: request.ignoresReport)
    places = part.targets(of: model)
    do throws(MimoError) {
      try Donor.check(own, against: places.map { model.targets[$0] })
      checkpoint.keep(try TargetMatch(checkpoint.description, to: own).origins)
    } catch {
      var error = error.at(path: splice.path)
      error.remedy = "Such a component does not fit this model"
      throw error
    }
    try checkpoint.locate(jobs: request.resources.jobs)
    notes = [Note(.remark, "\(splice.component): \(places.count) parameters are those of \(splice.path)")]
      + (try checkpoint.differingTies()).map { Note(.weights, "\(splice.path): \($0.name) was left out: \($0.reason)") }
    self.checkpoint = checkpoint
  }

  /// A checkpoint without a record is taken to be of the model that --hf-config names.
  private static func origin(
    _ path: String, _ format: CheckpointFormat, _ request: ConversionRequest
  ) throws(MimoError) -> ModelOrigin {
    if format == .hf { return try ModelOrigin(folder: path) }
    if try TravellingRecord.find(beside: path) != nil { return try ModelOrigin(beside: path) }
    guard let folder = request.configFolder else { return try ModelOrigin(beside: path) }
    return try ModelOrigin(folder: folder)
  }

  /// Throws when a parameter of the one is none of the other.
  private static func check(_ own: ModelDescription, against base: [TargetDeclaration]) throws(MimoError) {
    let names = own.targets.map(\.globalName)
    let others = base.map(\.globalName)
    guard names != others else { return }
    let odd = Set(names).symmetricDifference(others).min() ?? ""
    throw MimoError(
      .invalidInput, "is a parameter of only one of the two models", tensor: odd)
  }

  /// Hugging Face tensors of the component, and the dtypes that they are known to have there.
  func publishedDTypes() -> [String: DType] {
    let names = Set(checkpoint.description.sources.map(\.name))
    var dtypes: [String: DType] = [:]
    for tensor in checkpoint.manifest?.files.flatMap(\.tensors) ?? [] where names.contains(tensor.name) {
      if tensor.dtype.isPlainFloat { dtypes[tensor.name] = tensor.dtype }
    }
    return dtypes
  }

  /// Throws when a parameter has another dtype here than in the base, and the user did not choose one.
  func checkDTypes(_ base: StoredCheckpoint, in naming: ModelNaming, asked: DType?) throws(MimoError) {
    guard asked == nil else { return }
    let dtypes = try checkpoint.dtypes(in: naming, asked: nil)
    let others = try base.dtypes(in: naming, asked: nil)
    for (number, place) in places.enumerated() where dtypes[number] != others[place] {
      throw MimoError(
        .invalidInput, "is \(dtypes[number].rawValue) here, but \(others[place].rawValue) in \(base.path)",
        path: checkpoint.path, tensor: checkpoint.name(of: number), remedy: "Choose one with --dtype")
    }
  }
}

extension StoredCheckpoint {
  /// Puts components of other checkpoints in place of this one's; answers them.
  ///
  /// - Parameters:
  ///   - config: of this model.
  ///   - model: its description in layout `naming`; this checkpoint's targets are in its order.
  mutating func take(
    _ splices: [Splice], _ request: ConversionRequest, config: ModelConfig, model: ModelDescription,
    in naming: ModelNaming, plugin: PluginLibrary
  ) throws(MimoError) -> [Donor] {
    guard !splices.isEmpty else { return [] }
    if let only {
      throw MimoError(
        .unsupported, "holds component \(only) alone, but components are put into a whole model", path: path,
        remedy: "Name a whole checkpoint as BASE")
    }
    let base = self
    var donors: [Donor] = []
    for splice in splices {
      let donor = try Donor(splice, base: config, model: model, in: naming, request: request, plugin: plugin)
      try donor.checkDTypes(base, in: naming, asked: request.dtype)
      take(donor.checkpoint, at: donor.places)
      donors.append(donor)
    }
    return donors
  }
}
