import MimoTensor

/// The chunks of one target in a report. There may be millions of all targets, so their numbers lie in one array.
package struct RecordedChunks: Sendable {
  private var rank = 0
  /// Of each chunk its file, then offset and extent.
  private var numbers: [Int] = []
  private var digests: [UInt32] = []

  /// False for a chunk of another rank than the first.
  mutating func append(file: Int, _ region: Region, _ digest: UInt32) -> Bool {
    if digests.isEmpty { rank = region.rank }
    guard region.rank == rank else { return false }
    numbers.append(file)
    numbers += region.offset
    numbers += region.extent
    digests.append(digest)
    return true
  }

  /// The digests by file and box.
  package var byPlace: PlacedChunks {
    var found: [PlacedChunks.Place: UInt32] = [:]
    for (index, digest) in digests.enumerated() {
      var region = Region(offset: DimVector(), extent: DimVector())
      let start = index * (1 + 2 * rank)
      for dim in 0..<rank {
        region.offset.append(numbers[start + 1 + dim])
        region.extent.append(numbers[start + 1 + rank + dim])
      }
      found[.init(file: numbers[start], region: region)] = digest
    }
    return PlacedChunks(found)
  }
}

/// The digests of a target's chunks by file and box.
package struct PlacedChunks {
  struct Place: Hashable {
    let file: Int
    let region: Region
  }

  private let digests: [Place: UInt32]

  init(_ digests: [Place: UInt32]) { self.digests = digests }

  package init() { digests = [:] }

  package subscript(file: Int, region: Region) -> UInt32? { digests[Place(file: file, region: region)] }
}
