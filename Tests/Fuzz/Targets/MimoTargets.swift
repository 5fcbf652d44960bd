import MimoCheckpoints
import MimoParallel
import MimoSystem

extension FuzzTarget {
  /// `conversion_report.json`, as `verify` reads it.
  package static let report = FuzzTarget(name: "report") { (bytes) throws(MimoError) in
    _ = try RecordedReport(bytes, path: "conversion_report.json")
  }

  /// `layout.json` of a ranks folder, of a model with two components.
  package static let layout = FuzzTarget(name: "layout") { (bytes) throws(MimoError) in
    let declared = [
      ClusterLayout.Declared(name: "language", isEncoder: false), ClusterLayout.Declared(name: "images", isEncoder: true),
    ]
    let cluster = try LayoutFile.parse(bytes, path: LayoutFile.fileName, declared: declared)
    guard cluster.worldSize > 0 else { throw MimoError(.internalError, "a layout without ranks") }
    for rank in [0, cluster.worldSize / 2, cluster.worldSize - 1] {
      guard let component = cluster.component(ofRank: rank) else {
        throw MimoError(.internalError, "rank \(rank) works for nobody")
      }
      _ = component.grid.dense(of: rank)
      _ = component.grid.expert(of: rank)
    }
  }
}
