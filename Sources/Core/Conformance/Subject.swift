import MimoFormats
import MimoMapping
import MimoPlugins
import MimoSystem
import MimoTensor

/// The plugin that is tried, and the models that it is tried with.
struct Subject: Sendable {
  let path: String
  let seed: UInt64
  /// What it says about itself, or why it can not be loaded.
  let info: Result<PluginInfo, MimoError>
  let trials: TrialRunner
  /// The configs as they were given.
  let configs: [Config]
  /// A small model of each, as near to it as the plugin allows.
  var small: [Config] = []

  struct Config: Sendable {
    /// For messages.
    var name: String
    var json: JSONValue
  }

  init(_ path: String, configs: [Config], seed: UInt64, process: PluginProcess) throws(MimoError) {
    self.path = path
    self.seed = seed
    self.configs = configs
    trials = TrialRunner(path: path, process: process)
    do throws(MimoError) {
      info = .success(try PluginLibrary(path: path, process: process).info)
    } catch {
      guard error.code == .plugin else { throw error }
      info = .failure(error)
    }
    guard case .success(let info) = info else { return }
    for config in configs {
      // Refuses a config of another family before any rule is tried.
      _ = try architecture(of: config.json, info)
      small.append(try SmallerModel(self, info).of(config))
    }
  }

  private func architecture(of config: JSONValue, _ info: PluginInfo) throws(MimoError) -> String {
    let named = ModelInput(config: config).architectures
    if let served = named.first(where: info.architectures.contains) { return served }
    throw MimoError(
      .invalidInput, "config.json is for \(named.joined(separator: ", ")), plugin \(info.family) serves "
        + info.architectures.joined(separator: ", "),
      path: path, remedy: "Give a config of the plugin's family with --config")
  }

  /// Declarations after which a trial is stopped.
  static let declarationLimit = 1 << 16

  func request(
    _ config: JSONValue, _ layout: String, _ info: PluginInfo, sources: [String: GlobalShape]? = nil
  ) -> DescribeRequest {
    let named = ModelInput(config: config).architectures.first(where: info.architectures.contains)
    return DescribeRequest(
      layout: layout, architecture: named ?? info.architectures[0], model: ModelInput(config: config, sources: sources),
      limit: Subject.declarationLimit)
  }

  /// Runs a check on each small model in each layout; what it saw, each line with its model and layout. Skipped without a
  /// config.
  func everywhere(
    _ check: (Case) throws(MimoError) -> [String]
  ) throws(MimoError) -> Verdict {
    guard case .success(let info) = info else { return .skipped("the plugin can not be loaded") }
    guard !small.isEmpty else { return .skipped("no config was given: name one with --config") }
    var seen: [String] = []
    for config in small {
      for layout in info.layouts {
        let model = Case(subject: self, info: info, config: config, layout: layout)
        seen += try check(model).map { "\(config.name), layout \(layout): \($0)" }
      }
    }
    return Verdict(seen)
  }
}

/// One model in one layout.
struct Case: Sendable {
  let subject: Subject
  let info: PluginInfo
  let config: Subject.Config
  let layout: String

  var components: [String] { info.components.map(\.name) }
  var request: DescribeRequest { subject.request(config.json, layout, info) }

  func request(_ json: JSONValue, sources: [String: GlobalShape]? = nil) -> DescribeRequest {
    subject.request(json, layout, info, sources: sources)
  }

  func outcomes(
    _ requests: [DescribeRequest], _ conduct: Trial.Conduct = Trial.Conduct()
  ) throws(MimoError) -> [Outcome] {
    try subject.trials.outcomes(requests, components: components, conduct)
  }

  /// How the model itself is described; nil when this layout has none for it.
  func description() throws(MimoError) -> ModelDescription? { try outcomes([request]).first?.description }

  /// Random numbers that follow from the seed, the model and the layout.
  func random(_ rule: Int) -> SeededGenerator {
    SeededGenerator(subject.seed, "\(rule) \(config.name) \(layout)")
  }
}
