import MimoPluginHost
import MimoSystem
import PluginABI

/// What `describe` answers.
extension Rule {
  static let describing = [
    Rule(
      401, "describes-each-config",
      "each config given is described in at least one layout, and refused in words in the others",
      otherwise: "a model of the family can not be converted"
    ) { (subject) throws(MimoError) in
      guard case .success(let plugin) = subject.plugin else { return .withoutPlugin }
      guard !subject.configs.isEmpty else { return .withoutConfig }
      return Verdict(subject.configs.flatMap { faults(of: plugin, $0) })
    },
    Rule(
      402, "is-deterministic",
      "the same model gives the same declarations: twice, after other models, in another process",
      otherwise: "a resumed conversion goes on with another plan than it began with"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let requests = [model.request] + others(model, subject.cases).flatMap { [$0, model.request] }
        let runs = try sound(try subject.trials.carryOut(.describe(requests, Trial.Conduct()))).enumerated()
        let own = runs.filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        let apart = try subject.trials.carryOut(.describe([model.request], Trial.Conduct()), filler: 0x3C)
        return differing(own + (try sound(apart)))
      }
    },
    Rule(
      403, "is-re-entrant", "two threads that describe at once get the same declarations as one",
      otherwise: "a host that describes two layouts at once gets a mixture"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let alone = try sound(try subject.trials.carryOut(.describe([model.request], Trial.Conduct())))
        let together = try subject.trials.carryOut(.concurrently(model.request, times: 3))
        if let fault = together.fault { return ["the plugin \(fault) on two threads"] }
        return differing(alone + together.runs)
      }
    },
    Rule(
      404, "reads-views-by-their-length", "nothing is read behind the end of a text that the host lends",
      otherwise: "texts are not NUL-terminated: it reads another's memory, and crashes where memory ends"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let alone = try sound(try subject.trials.carryOut(.describe([model.request], Trial.Conduct())))
        let result = try subject.trials.carryOut(.describe([model.request], Trial.Conduct(guardsViews: true)))
        if let fault = result.fault { return ["the plugin \(fault) where memory ends with each text"] }
        return differing(alone + result.runs)
      }
    },
    Rule(
      405, "heeds-the-hosts-size", "with a shorter mimo_host it describes without what is missing, or fails in words",
      otherwise: "with an older host it calls what is not there"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let shorter = MemoryLayout<mimo_host>.offset(of: \.zeros) ?? 0
        return try model.outcome(model.request, Trial.Conduct(hostSize: shorter)).breach.map { [$0] } ?? []
      }
    },
    Rule(
      406, "takes-a-longer-host", "a host whose table has grown gets the same declarations",
      otherwise: "every plugin has to be built again for each host"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let alone = try sound(try subject.trials.carryOut(.describe([model.request], Trial.Conduct())))
        let longer = Trial.Conduct(hostSize: MemoryLayout<mimo_host>.size + 64)
        return differing(alone + (try sound(try subject.trials.carryOut(.describe([model.request], longer)))))
      }
    },
  ]

  /// What comes between two calls for one model: its other layouts, the other models, and some that are refused.
  private static func others(_ model: Case, _ cases: [Case]) -> [DescribeRequest] {
    var random = model.random(402)
    let damaged = ConfigMutation.random(model.config.json, count: 8, using: &random).map { model.request($0.config) }
    return cases.map(\.request) + damaged
      + ConfigMutation.withoutKeys(model.config.json).suffix(8).map { model.request($0.config) }
  }

  private static func faults(of plugin: PluginLibrary, _ config: Subject.Config) -> [String] {
    var refusals: [String] = []
    var faults: [String] = []
    for layout in plugin.info.layouts {
      do throws(MimoError) {
        _ = try plugin.describe(ModelInput(config: config.json), layout: layout)
      } catch {
        let line = "\(config.name), layout \(layout): \(error.message)"
        if error.code == .plugin { faults.append(line) } else { refusals.append(line) }
      }
    }
    return refusals.count == plugin.info.layouts.count ? refusals : faults
  }

  /// The runs of a trial that must have come to its end.
  private static func sound(_ result: TrialRunner.Result) throws(MimoError) -> [Finding.Run] {
    if let error = result.error { throw error }
    if let fault = result.fault { throw MimoError(.plugin, "the plugin \(fault)") }
    return result.runs
  }

  private static func differing(_ runs: [Finding.Run]) -> [String] {
    guard let first = runs.first else { return ["it gives nothing"] }
    return runs.dropFirst().compactMap { run in
      if run.status != first.status { return "it answers \(first.status), then \(run.status)" }
      guard run.log != first.log else { return nil }
      let place = zip(run.log, first.log).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      return "the declarations differ from byte \(place ?? min(run.log.count, first.log.count)) on"
    }
  }
}
