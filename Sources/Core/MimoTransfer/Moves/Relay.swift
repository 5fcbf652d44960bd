import MimoSystem
import MimoTensor

/// One worker's way between two checkpoints: a window is gathered from the chunks of one, and written to those of the other.
struct Relay: UnitMover, ~Copyable {
  private let plan: ConversionPlan
  private var reader: Mover
  private var writer: Mover
  private var window = ByteBuffer()

  /// Throws for a plan that does not gather.
  init(_ plan: ConversionPlan, from sources: [File], to outputs: [File]) throws(MimoError) {
    guard let reading = plan.gathering.first else {
      throw MimoError(.internalError, "a conversion between two checkpoints does not say how it reads")
    }
    self.plan = plan
    reader = Mover(reading, wholeFiles: [], storedFiles: sources)
    writer = Mover(plan, wholeFiles: [], storedFiles: outputs)
  }

  /// The chunks that were read are numbered behind those that were written.
  mutating func run(_ unit: WorkUnit) throws(MimoError) -> UnitTally {
    let width = plan.whole[unit.tensor].dtype.byteWidth ?? 1
    let buffer = try window.reserve(unit.elements.count * width)
    let read = try reader.gather(unit, into: buffer)
    var tally = try writer.scatter(unit, from: buffer)
    tally.bytesRead += read.bytesRead
    tally.lost += read.lost
    for part in read.chunks {
      var part = part
      part.chunk += plan.stored.chunks.count
      tally.chunks.append(part)
    }
    return tally
  }
}
