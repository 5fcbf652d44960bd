/// Turns bits on a byte's way through the program, so that tests can say at each step who notices.
///
/// Costs one relaxed load a step while no test uses it.
package enum BitFlip {
  /// Where on its way a byte is.
  package enum Step: Sendable, CaseIterable {
    /// It was read from a file, and nobody has looked at it yet.
    case read
    /// It lies in a window, behind the digest of what was read.
    case window
    /// It is in the form that is stored, before the digest of what is written.
    case converted
    /// It was digested, and is on its way to a file.
    case write
  }

  /// May change the bytes; `path` is a file that they come from or go to, `position` counts its bytes, or a tensor's elements.
  package typealias Handler = @Sendable (
    _ step: Step, _ path: String, _ position: UInt64, _ bytes: UnsafeMutableRawBufferPointer
  ) -> Void

  /// Runs `body` while `handler` sees all bytes of the process. Must only change bytes of its own test.
  package static func with<Result>(
    _ handler: @escaping Handler, _ body: () throws(MimoError) -> Result
  ) throws(MimoError) -> Result {
    try hooks.with(handler, body)
  }

  /// Lets bytes pass a step.
  package static func pass(_ step: Step, _ path: String, at position: UInt64, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let handlers = hooks.current else { return }
    for handler in handlers { handler(step, path, position, bytes) }
  }

  /// Gives `body` the bytes, or what a step made of a copy of them.
  static func passACopy(
    _ step: Step, _ path: String, at position: UInt64, _ bytes: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) throws(MimoError) -> Void
  ) throws(MimoError) {
    guard hooks.current != nil else { return try body(bytes) }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyMemory(from: bytes)
    pass(step, path, at: position, copy)
    try body(UnsafeRawBufferPointer(copy))
  }

  private static let hooks = HookRegistry<Handler>()
}
