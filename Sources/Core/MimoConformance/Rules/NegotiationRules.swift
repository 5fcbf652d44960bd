import MimoSystem
import PluginABI

/// The first call.
extension Rule {
  static let negotiation = [
    Rule(
      201, "refuses-other-majors",
      "a host that speaks later ABI majors only is answered MIMO_FAILED, a reason, no table",
      otherwise: "a later host calls functions that mean something else by then"
    ) { (subject) throws(MimoError) in
      try answered(subject, majors: Int(MIMO_ABI_VERSION) + 1...Int(MIMO_ABI_VERSION) + 9) { refusalFaults($0) }
    },
    Rule(
      202, "heeds-the-offers-size", "nothing is read behind the offer's struct_size; one too short is refused in words",
      otherwise: "it reads what is no part of the offer, and crashes where memory ends"
    ) { (subject) throws(MimoError) in
      try answered(subject, offerSize: MemoryLayout<UInt32>.size * 2) { refusalFaults($0) }
    },
    Rule(
      203, "heeds-the-answers-size",
      "nothing is written behind the answer's struct_size; one too short is answered MIMO_FAILED",
      otherwise: "it writes over memory of the host's"
    ) { (subject) throws(MimoError) in
      try answered(subject, answerSize: MemoryLayout<UInt32>.size * 2) { answer in
        answer.status == Int(MIMO_FAILED) ? [] : ["it answers the status \(answer.status)"]
      }
    },
    Rule(
      204, "takes-longer-structs",
      "a host whose structs have grown and which speaks ABI 1 too is answered with the table",
      otherwise: "every plugin has to be built again for each host"
    ) { (subject) throws(MimoError) in
      try answered(
        subject, majors: Int(MIMO_ABI_VERSION)...Int(MIMO_ABI_VERSION) + 9,
        offerSize: MemoryLayout<mimo_offer>.size + 64,
        answerSize: MemoryLayout<mimo_answer>.size + 64
      ) { answer in
        var faults: [String] = []
        if answer.status != Int(MIMO_OK) { faults.append("it answers the status \(answer.status): \(answer.refusal)") }
        if !answer.hasTable { faults.append("it hands over no table") }
        if answer.abi != Int(MIMO_ABI_VERSION) { faults.append("it says that it speaks ABI \(answer.abi)") }
        return faults
      }
    },
  ]

  private static func refusalFaults(_ answer: Finding.Answer) -> [String] {
    var faults: [String] = []
    if answer.status != Int(MIMO_FAILED) { faults.append("it answers the status \(answer.status)") }
    if answer.hasTable { faults.append("it hands over its table all the same") }
    if answer.refusal.isEmpty { faults.append("it gives no reason") }
    return faults
  }

  private static func answered(
    _ subject: Subject, majors: ClosedRange<Int> = Int(MIMO_ABI_VERSION)...Int(MIMO_ABI_VERSION),
    offerSize: Int = MemoryLayout<mimo_offer>.size, answerSize: Int = MemoryLayout<mimo_answer>.size,
    _ faults: (Finding.Answer) -> [String]
  ) throws(MimoError) -> Verdict {
    let offer = Trial.Offer(majors: majors, offerSize: offerSize, answerSize: answerSize)
    let result = try subject.trials.carryOut(.negotiate(offer))
    if let fault = result.fault { return .broken(["the plugin \(fault) in \(MIMO_ENTRY_SYMBOL)"]) }
    if let error = result.error { return .broken([error.message]) }
    guard case .answer(let answer) = result.findings.first else { return .broken(["it gives no answer"]) }
    return Verdict(faults(answer))
  }
}
