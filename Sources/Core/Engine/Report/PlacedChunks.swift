import MimoTensor

/// The chunks of one target in a report, found by file and box.
struct PlacedChunks {
  private struct Place: Hashable {
    var file: String
    var region: Region
  }

  private let digests: [Place: UInt32]

  init(_ chunks: [RecordedReport.Chunk]) {
    digests = Dictionary(
      chunks.map { (Place(file: $0.file, region: $0.region), $0.digest) }, uniquingKeysWith: { first, _ in first })
  }

  subscript(file: String, region: Region) -> UInt32? { digests[Place(file: file, region: region)] }
}
