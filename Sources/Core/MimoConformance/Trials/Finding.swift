import MimoPluginHost
import MimoSystem

/// What a trial saw.
enum Finding {
  /// The plugin's answer to the first call.
  case answer(Answer)
  /// One call of `describe`.
  case run(Run)
  /// What was there after the calls and not before.
  case residue(Residue)

  struct Answer {
    var status: Int
    var abi: Int
    var hasTable: Bool
    var refusal: String
  }

  struct Run {
    var status: Int
    /// The first failure, as the host holds it.
    var failure: MimoError?
    /// Whether it was stopped because it declared too much.
    var isEndless: Bool
    /// Calls of the host.
    var calls: Int
    /// Everything that was declared, byte for byte.
    var log: [UInt8]
  }

  struct Residue {
    var descriptors: Int
    var threads: Int
    /// Bytes by which the memory grew in each of a few equal spans of calls.
    var growth: [Int]
  }
}

extension Finding {
  func write(to wire: inout WireWriter) {
    switch self {
    case .answer(let answer):
      wire.byte(0)
      wire.int(answer.status)
      wire.int(answer.abi)
      wire.flag(answer.hasTable)
      wire.text(answer.refusal)
    case .run(let run):
      wire.byte(1)
      wire.int(run.status)
      wire.optional(run.failure) { wire, error in error.write(to: &wire) }
      wire.flag(run.isEndless)
      wire.int(run.calls)
      wire.data(run.log)
    case .residue(let residue):
      wire.byte(2)
      wire.int(residue.descriptors)
      wire.int(residue.threads)
      wire.list(residue.growth) { $0.int($1) }
    }
  }

  init(from wire: inout WireReader) throws(MimoError) {
    switch try wire.byte() {
    case 0:
      self = .answer(
        Answer(status: try wire.int(), abi: try wire.int(), hasTable: try wire.flag(), refusal: try wire.text()))
    case 1:
      self = .run(
        Run(
          status: try wire.int(), failure: try wire.optional { (wire) throws(MimoError) in try MimoError(from: &wire) },
          isEndless: try wire.flag(), calls: try wire.int(), log: try wire.data()))
    case 2:
      self = .residue(
        Residue(
          descriptors: try wire.int(), threads: try wire.int(),
          growth: try wire.list { (wire) throws(MimoError) in try wire.int() }))
    default: throw wire.unreadable("an unknown finding")
    }
  }
}
