import MimoPluginHost
import MimoSystem

/// What a process of its own is to try with a plugin.
enum Trial {
  /// The first call, as hosts of other times would make it.
  case negotiate(Offer)
  /// Models, described one after the other; what each gave is found.
  case describe([DescribeRequest], Conduct)
  /// One model, described on two threads at once, so many times on each.
  case concurrently(DescribeRequest, times: Int)
  /// One model, described so many times; what the plugin leaves behind is found.
  case leaveBehind(DescribeRequest, times: Int)

  struct Offer {
    var majors: ClosedRange<Int>
    /// Bytes of `mimo_offer` and `mimo_answer` that the host says it has; memory ends there.
    var offerSize: Int
    var answerSize: Int
  }

  /// How the host behaves.
  struct Conduct {
    /// Bytes of `mimo_host` that the host says it has; nil for all that this one has.
    var hostSize: Int?
    /// Memory ends with each text that is lent.
    var guardsViews = false
    /// The call that fails, counted from 1.
    var failingCall: Int?
  }
}

extension Trial {
  func write(to wire: inout WireWriter) {
    switch self {
    case .negotiate(let offer):
      wire.byte(0)
      for n in [offer.majors.lowerBound, offer.majors.upperBound, offer.offerSize, offer.answerSize] { wire.int(n) }
    case .describe(let requests, let conduct):
      wire.byte(1)
      wire.list(requests) { wire, request in request.write(to: &wire) }
      wire.optional(conduct.hostSize) { $0.int($1) }
      wire.flag(conduct.guardsViews)
      wire.optional(conduct.failingCall) { $0.int($1) }
    case .concurrently(let request, let times):
      wire.byte(2)
      request.write(to: &wire)
      wire.int(times)
    case .leaveBehind(let request, let times):
      wire.byte(3)
      request.write(to: &wire)
      wire.int(times)
    }
  }

  init(from wire: inout WireReader) throws(MimoError) {
    switch try wire.byte() {
    case 0:
      let (lower, upper) = (try wire.int(), try wire.int())
      self = .negotiate(
        Offer(majors: lower...max(lower, upper), offerSize: try wire.int(), answerSize: try wire.int()))
    case 1:
      let requests = try wire.list { (wire) throws(MimoError) in try DescribeRequest(from: &wire) }
      var conduct = Conduct()
      conduct.hostSize = try wire.optional { (wire) throws(MimoError) in try wire.int() }
      conduct.guardsViews = try wire.flag()
      conduct.failingCall = try wire.optional { (wire) throws(MimoError) in try wire.int() }
      self = .describe(requests, conduct)
    case 2: self = .concurrently(try DescribeRequest(from: &wire), times: try wire.int())
    case 3: self = .leaveBehind(try DescribeRequest(from: &wire), times: try wire.int())
    default: throw wire.unreadable("an unknown trial")
    }
  }
}
