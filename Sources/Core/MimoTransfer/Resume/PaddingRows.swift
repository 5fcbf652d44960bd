import MimoMapping
import MimoSystem
import MimoTensor

/// Rows of an output that pad a vocabulary: zeros that no unit writes, because new files are full of them.
package enum PaddingRows {
  /// Writes them, where a file is not new: nobody else would see that they are zeros no more.
  ///
  /// - Parameter files: parallel to the plan's stored ones.
  package static func write(_ plan: ConversionPlan, to files: [File]) throws(MimoError) {
    guard plan.direction != .storedToWhole else { return }
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    for (index, target) in plan.description.targets.enumerated() {
      let width = plan.stored.targets[index].dtype.byteWidth ?? 1
      for padding in target.fragments where padding.source == nil {
        for chunk in plan.stored.chunks[plan.stored.targets[index].chunks] {
          guard let box = chunk.region.intersection(padding.region) else { continue }
          let (run, starts) = UnreadRows.runs(of: box, in: chunk)
          for start in starts {
            try write(zeros, run * width, to: files[chunk.file], at: chunk.offset + UInt64(start * width))
          }
        }
      }
    }
  }

  private static func write(_ zeros: [UInt8], _ count: Int, to file: File, at start: UInt64) throws(MimoError) {
    for done in stride(from: 0, to: count, by: zeros.count) {
      try Interruption.check()
      try file.write(Array(zeros[..<min(zeros.count, count - done)]), at: start + UInt64(done))
    }
  }
}
