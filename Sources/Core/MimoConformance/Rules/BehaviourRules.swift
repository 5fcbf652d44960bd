import MimoSystem
import PluginABI

/// What a plugin does to the process that it runs in.
extension Rule {
  /// Calls in each span of the memory rule; a leak shows from some two hundred bytes a call on.
  private static let spanOfCalls = 20

  static let behaviour = [
    Rule(
      801, "passes-failures-on", "after a call that the host answered with a failure, describe answers MIMO_FAILED",
      otherwise: "it goes on with what it does not have"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        guard let run = try subject.trials.carryOut(.describe([model.request], Trial.Conduct())).runs.first,
          run.calls > 0
        else { return [] }
        var random = model.random(801)
        let points = Set([1, 2, 3, run.calls] + (0..<12).map { _ in Int.random(in: 1...run.calls, using: &random) })
        var seen: [String] = []
        for call in points.sorted() where call <= run.calls {
          let result = try subject.trials.carryOut(.describe([model.request], Trial.Conduct(failingCall: call)))
          if let fault = result.fault { seen.append("the plugin \(fault) after call \(call) failed") }
          for run in result.runs where run.status != Int(MIMO_FAILED) {
            seen.append("it answers the status \(run.status) after call \(call) failed")
          }
        }
        return seen
      }
    },
    Rule(
      802, "is-silent", "nothing is printed on stdout or stderr",
      otherwise: "the words get lost, or into the user's --json where a host does not keep them apart"
    ) { (subject) throws(MimoError) in
      try subject.everywhere { (model) throws(MimoError) in
        let result = try subject.trials.carryOut(.describe([model.request], Trial.Conduct()))
        let words = String(decoding: result.printed, as: UTF8.self).split(whereSeparator: \.isNewline).first
        return words.map { ["it prints '\($0.prefix(80))'"] } ?? []
      }
    },
    Rule(
      803, "leaves-nothing-open", "no file descriptor and no thread is left after describe",
      otherwise: "they are used up when many models are described"
    ) { (subject) throws(MimoError) in
      try leftBehind(subject) { residue in
        (residue.descriptors > 0 ? ["\(residue.descriptors) file descriptors are left"] : [])
          + (residue.threads > 0 ? ["\(residue.threads) threads are left"] : [])
      }
    },
    Rule(
      804, "frees-its-memory", "describing again and again takes no more memory",
      otherwise: "a host that lives long runs out of memory"
    ) { (subject) throws(MimoError) in
      try leftBehind(subject) { residue in
        guard let least = residue.growth.min(), least > 0 else { return [] }
        return ["memory grows by \(least / spanOfCalls) bytes or more with each call"]
      }
    },
  ]

  private static func leftBehind(
    _ subject: Subject, _ faults: (Finding.Residue) -> [String]
  ) throws(MimoError) -> Verdict {
    try subject.everywhere { (model) throws(MimoError) in
      let result = try subject.trials.carryOut(.leaveBehind(model.request, times: spanOfCalls))
      if let fault = result.fault { return ["the plugin \(fault)"] }
      guard case .residue(let residue) = result.findings.first else { return ["what is left can not be counted"] }
      return faults(residue)
    }
  }
}
