import MimoMapping

/// What a run may use.
package struct Resources: Sendable {
  /// Windows' worth of buffers that a worker has at most.
  package enum Windows: Int, Sendable {
    /// A mover's: window, packed and converted elements (twice as wide at most), the codes of what is decoded (half as
    /// wide at most, scales included), and a second window for copies.
    case moving = 6
    /// A comparison's: all that of both checkpoints, and the elements of both in one dtype.
    case comparing = 14
  }

  /// Worker threads: never more than `memory` has buffers for.
  package let jobs: Int
  /// Bytes of buffers over all workers.
  package let memory: Int
  private let windows: Windows

  /// What gathers before it is recorded.
  package var batch = JournalBatch()

  package init(jobs: Int, memory: Int, for windows: Windows = .moving) {
    self.jobs = max(1, min(jobs, memory / Resources.least(windows)))
    self.memory = memory
    self.windows = windows
  }

  /// The same bounds for a comparison.
  package var comparing: Resources { Resources(jobs: jobs, memory: memory, for: .comparing) }

  /// Least memory that a run works with: that of one worker with the smallest windows.
  package static func least(_ windows: Windows = .moving) -> Int { windows.rawValue * ElementKernel.largestWhole }
  /// Larger windows do not make a disk faster, but fall out of the processor's cache.
  static let largestWindow = 16 << 20

  /// Bytes of one worker's window.
  package var windowBytes: Int {
    max(ElementKernel.largestWhole, min(Resources.largestWindow, memory / (jobs * windows.rawValue)))
  }

  /// Bytes that all workers' buffers may take: no more than `memory`, if that is the least at all.
  package var bufferBytes: Int { windowBytes * windows.rawValue * jobs }

  /// Workers whose buffers are of windows of another size.
  func workers(ofWindow bytes: Int) -> Int { bufferBytes / (bytes * windows.rawValue) }

  /// Bytes that buffers take for these tensors: there are no more workers than windows, and no window is longer than the
  /// longest tensor.
  package func bufferBytes(for tensors: [WholeTensor]) -> Int {
    let longest = tensors.reduce(0) { max($0, $1.byteCount) }
    let workers = min(jobs, WorkUnit.count(of: tensors, windowBytes: windowBytes))
    return min(longest, windowBytes) * windows.rawValue * workers
  }
}
