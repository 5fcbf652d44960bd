import Foundation
import MimoSystem
import Testing

@testable import MimoParallel

/// The reference's own `layout.json` files, which lie beside the package where they are at hand.
enum Golden {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "../shared/golden").standardized

  static let layouts: [String] = {
    let files = FileManager.default
    let families = (try? files.contentsOfDirectory(atPath: folder.path)) ?? []
    let single = families.flatMap { family in
      ((try? files.contentsOfDirectory(atPath: folder.appending(path: family).path)) ?? []).map { "\(family)/\($0)" }
    }
    let mimo = families.flatMap { family in
      ((try? files.contentsOfDirectory(atPath: folder.appending(path: "\(family)/mimo").path)) ?? [])
        .map { "\(family)/mimo/\($0)" }
    }
    return (single + mimo).filter { files.fileExists(atPath: folder.appending(path: "\($0)/layout.json").path) }.sorted()
  }()

  static func read(_ layout: String) throws -> NSDictionary {
    let data = try Data(contentsOf: folder.appending(path: "\(layout)/layout.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? NSDictionary)
  }
}

@Suite(.enabled(if: !Golden.layouts.isEmpty, "the reference data is not beside this package"))
struct GoldenLayoutTests {
  @Test(arguments: Golden.layouts.filter { !$0.contains("/mimo/") })
  func singleModelRanksStandAsInTheReference(layout: String) throws {
    let golden = try Golden.read(layout)
    let sizes = try #require(golden["layout"] as? [String: Int])
    let cluster = try ClusterLayout.single(
      .init(tp: sizes["tp"], pp: sizes["pp"], ep: sizes["ep"], etp: sizes["etp"]))
    let ours = try document(cluster)
    for key in ["ranks", "world_size"] { #expect(ours[key] as? NSObject == golden[key] as? NSObject) }
  }

  @Test(arguments: Golden.layouts.filter { $0.contains("/mimo/") })
  func mimoRanksStandAsInTheReference(layout: String) throws {
    let golden = try Golden.read(layout)
    let requests = try #require(golden["components"] as? [String]).map { try ComponentRequest(parsing: $0) }
    let cluster = try ClusterLayout.solve(
      requests, declared: requests.map { .init(name: $0.name, isEncoder: $0.name != "language") })
    let routes = try #require(golden["routes"] as? [[String: String]]).map {
      LayoutDocument.Route(
        name: $0["name"] ?? "", sourcePrefix: $0["source_prefix"] ?? "",
        targetModulePath: $0["target_module_path"] ?? "")
    }
    let ours = try document(cluster, routes: routes)
    for key in ["ranks", "world_size", "routes"] { #expect(ours[key] as? NSObject == golden[key] as? NSObject) }
  }

  private func document(_ cluster: ClusterLayout, routes: [LayoutDocument.Route] = []) throws -> NSDictionary {
    let text = LayoutDocument(cluster, routes: routes).json
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
  }
}

@Suite struct LayoutDocumentTests {
  @Test func saysTheWholeLayoutOfASingleModel() throws {
    let cluster = try ClusterLayout.single(.init(tp: 2, ppLast: 3))
    let text = LayoutDocument(cluster, extra: [("provider", "{\"class\": \"A\"}")]).json
    #expect(
      text == """
        {
         "layout": {"tp": 2, "pp": 1, "dp": 1, "cp": 1, "ep": 1, "etp": 2, "pp_last": 3},
         "world_size": 2,
         "ranks": [
          {"rank": 0, "tp": 0, "pp": 0, "dp": 0, "cp": 0, "ep": 0, "etp": 0, "edp": 0},
          {"rank": 1, "tp": 1, "pp": 0, "dp": 0, "cp": 0, "ep": 0, "etp": 1, "edp": 0}
         ],
         "provider": {"class": "A"}
        }

        """)
  }

  @Test func escapesNames() throws {
    let requests = [ComponentRequest("a\"\\\u{1}é")]
    let cluster = try ClusterLayout.solve(requests, declared: [.init(name: requests[0].name, isEncoder: false)])
    let text = LayoutDocument(cluster).json
    let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let ranks = try #require(read["ranks"] as? [[String: Any]])
    #expect(ranks[0].keys.first == requests[0].name)
  }
}
