/// What a run is at; what it then tells its progress handler counts for this.
package enum RunPhase: Sendable, Equatable {
  /// Reads again what a former run wrote: so many bytes of whole tensors.
  case provingOutput(bytes: Int)
  /// Reads again what was read of a source whose files were touched.
  case provingSource
  /// Moves what is not moved yet; so many bytes were moved by a former run.
  case moving(done: Int)
  /// Writes what stands beside the weights, and waits for the disk.
  case finishing
}

package typealias PhaseHandler = @Sendable (RunPhase) -> Void
