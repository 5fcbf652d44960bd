import MimoSystem
import MimoTransfer

extension SourceReport {
  /// CRC-32 of each chunk of a checkpoint, parallel to the catalog's; nil where the report has none.
  func chunks(of stored: StoredCheckpoint) -> [UInt32?] {
    var digests = [UInt32?](repeating: nil, count: stored.catalog.chunks.count)
    let paths = stored.catalog.files.map { place.relative($0.path) }
    for (index, target) in stored.catalog.targets.enumerated() {
      let name = stored.name(of: index)
      guard report.schema > 1 else {
        SchemaOne.assign(report.unplaced[name] ?? [], to: index, of: stored, &digests)
        continue
      }
      guard let listed = report.chunks[name] else { continue }
      let known = listed.byPlace
      for chunk in target.chunks {
        let stored = stored.catalog.chunks[chunk]
        guard stored.hasRowMajorOrder, let path = paths[stored.file], let file = report.number(of: path) else { continue }
        digests[chunk] = known[file, stored.region]
      }
    }
    return digests
  }
}
