import MimoJSON
import MimoPluginHost
import MimoSystem

/// The plugin that is tried, and the models that it is tried with.
struct Subject: Sendable {
  /// A config.json.
  struct Config: Sendable {
    /// For messages.
    var name: String
    var json: JSONValue
  }

  let path: String
  let seed: UInt64
  let trials: TrialRunner
  /// The plugin as any command has it, or why it can not be loaded.
  let plugin: Result<PluginLibrary, MimoError>
  /// The configs as they were given.
  let configs: [Config]
  /// A small model of each, in each layout.
  private(set) var cases: [Case] = []

  init(_ path: String, configs: [Config], seed: UInt64, process: PluginProcess) throws(MimoError) {
    self.path = path
    self.seed = seed
    self.configs = configs
    trials = TrialRunner(path: path, process: process)
    do throws(MimoError) {
      plugin = .success(try PluginLibrary(path: path, process: process))
    } catch {
      guard error.code == .plugin else { throw error }
      plugin = .failure(error)
    }
    guard case .success(let plugin) = plugin else { return }
    for config in configs { cases += try cases(of: config, plugin) }
  }

  private func cases(of config: Config, _ plugin: PluginLibrary) throws(MimoError) -> [Case] {
    // Refuses a config of another family before any rule is tried.
    let architecture = try plugin.architecture(of: ModelInput(config: config.json))
    let family = Family(info: plugin.info, architecture: architecture)
    let small = Config(name: config.name, json: try SmallerModel(trials, family).of(config.json))
    var cases: [Case] = []
    for layout in plugin.info.layouts {
      let outcome = try trials.outcome(family.request(small.json, layout), components: family.components)
      cases.append(
        Case(trials: trials, family: family, seed: seed, config: small, layout: layout, outcome: outcome))
    }
    return cases
  }

  /// What it says about itself, or why it can not be loaded.
  var info: Result<PluginInfo, MimoError> { plugin.map(\.info) }

  /// Runs a check on each small model in each layout; what it saw, each line with its model and layout. Skipped without a
  /// config, and when the plugin does not come back even from the models themselves.
  func everywhere(_ check: (Case) throws(MimoError) -> [String]) throws(MimoError) -> Verdict {
    guard case .success = plugin else { return .withoutPlugin }
    guard !cases.isEmpty else { return .withoutConfig }
    let alive = cases.filter(\.comesBack)
    guard !alive.isEmpty else { return .skipped("describe does not come back: see rule 501") }
    var seen: [String] = []
    for model in alive { seen += try check(model).map { "\(model.name): \($0)" } }
    return Verdict(seen)
  }
}
