import MimoTransfer

extension Progress {
  /// Follows a run from phase to phase.
  ///
  /// - Parameter total: bytes of the whole run.
  func begin(_ phase: RunPhase, total: UInt64) {
    switch phase {
    case .provingOutput(let bytes): begin("checking what a former run wrote", total: UInt64(max(bytes, 0)))
    case .provingSource: begin("reading touched files of the source again", total: total)
    case .moving(let done): begin("", total: total, before: UInt64(max(done, 0)))
    case .finishing: if showsShortPhases { begin("finishing", total: 0) }
    }
  }
}
