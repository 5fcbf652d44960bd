import MimoFormats
import MimoMapping
import MimoPlan
import MimoPlugins
import MimoSystem
import MimoTensor

/// A component that comes from another checkpoint.
package struct Splice: Sendable, Hashable {
  package var component: String
  package var path: String

  package init(component: String, path: String) {
    self.component = component
    self.path = path
  }
}

/// The checkpoint that a component is taken from, held against the one that it is put into.
struct Donor {
  let checkpoint: StoredCheckpoint
  /// The places of its targets among those of the output's model.
  let places: [Int]
  /// What the user should know of it.
  let note: String

  /// Throws when the component is another one than the base's model has.
  ///
  /// - Parameters:
  ///   - base: the config of the model that it is put into.
  ///   - model: that model, in the output's layout.
  init(
    _ splice: Splice, base: ModelConfig, model: ModelDescription, request: ConversionRequest, plugin: PluginLibrary
  ) throws(MimoError) {
    let part = try ModelPart(splice.component, of: plugin.info)
    let format = try CheckpointFormat.recognise(splice.path)
    let origin = try Donor.origin(splice.path, format, request)
    try ComponentConfig(base, part).check(ComponentConfig(origin.config, part))
    var checkpoint = try StoredCheckpoint(
      splice.path, format: format, of: origin, only: splice.component, expertStorage: nil, isWrittenPlain: true,
      plugin: plugin)
    do throws(MimoError) {
      let match = try TargetMatch(checkpoint.description, to: part.described(model))
      checkpoint.keep(match.origins)
    } catch {
      throw error.at(path: splice.path)
    }
    try checkpoint.locate(jobs: request.resources.jobs)
    self.checkpoint = checkpoint
    places = part.targets(of: model)
    note = "\(splice.component): \(places.count) parameters are those of \(splice.path)"
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

  /// Throws when a parameter has another dtype here than in the base, and the user did not choose one.
  func checkDTypes(_ base: StoredCheckpoint, asked: DType?) throws(MimoError) {
    guard asked == nil else { return }
    for (number, place) in places.enumerated() {
      let (own, other) = (checkpoint.catalog.targets[number].dtype, base.catalog.targets[place].dtype)
      guard own != other else { continue }
      throw MimoError(
        .invalidInput, "is \(own.rawValue) here, but \(other.rawValue) in \(base.path)", path: checkpoint.path,
        tensor: checkpoint.name(of: number), remedy: "Choose one with --dtype")
    }
  }
}

extension StoredCheckpoint {
  /// Puts components of other checkpoints in place of this one's; answers what the user should know of it.
  ///
  /// - Parameters:
  ///   - config: of this model.
  ///   - model: its description in the output's layout; this checkpoint's targets are in its order.
  mutating func take(
    _ splices: [Splice], _ request: ConversionRequest, config: ModelConfig, model: ModelDescription,
    plugin: PluginLibrary
  ) throws(MimoError) -> [String] {
    if let only, !splices.isEmpty {
      throw MimoError(
        .unsupported, "holds component \(only) alone, but components are put into a whole model", path: path,
        remedy: "Name a whole checkpoint as BASE")
    }
    var notes: [String] = []
    for splice in splices {
      let donor = try Donor(splice, base: config, model: model, request: request, plugin: plugin)
      try donor.checkDTypes(self, asked: request.dtype)
      take(donor.checkpoint, at: donor.places)
      notes.append(donor.note)
    }
    return notes
  }
}
