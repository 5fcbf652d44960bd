import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTensor

/// A plugin's family, asked for models of one architecture.
struct Family: Sendable {
  /// Declarations after which a trial is stopped.
  private static let declarationLimit = 1 << 16

  let info: PluginInfo
  let architecture: String

  var components: [String] { info.components.map(\.name) }

  func request(_ config: JSONValue, _ layout: String, sources: [String: GlobalShape]? = nil) -> DescribeRequest {
    DescribeRequest(
      layout: layout, architecture: architecture, model: ModelInput(config: config, sources: sources),
      limit: Family.declarationLimit)
  }
}

/// One small model in one layout.
struct Case: Sendable {
  let trials: TrialRunner
  let family: Family
  let seed: UInt64
  let config: Subject.Config
  let layout: String
  /// How the model itself is described.
  let outcome: Outcome

  var name: String { "\(config.name), layout \(layout)" }
  var request: DescribeRequest { request(config.json) }

  /// nil when this layout has none for it.
  var description: ModelDescription? { outcome.description }

  var comesBack: Bool {
    if case .fault = outcome { false } else { true }
  }

  func request(_ json: JSONValue, sources: [String: GlobalShape]? = nil) -> DescribeRequest {
    family.request(json, layout, sources: sources)
  }

  func outcome(_ request: DescribeRequest, _ conduct: Trial.Conduct = Trial.Conduct()) throws(MimoError) -> Outcome {
    try trials.outcome(request, components: family.components, conduct)
  }

  func outcomes(_ requests: [DescribeRequest]) throws(MimoError) -> [Outcome] {
    try trials.outcomes(requests, components: family.components)
  }

  /// Random numbers that follow from the seed, the model and the layout.
  func random(_ rule: Int) -> SplitMix64 { SplitMix64(seed, "\(rule) \(config.name) \(layout)") }
}
