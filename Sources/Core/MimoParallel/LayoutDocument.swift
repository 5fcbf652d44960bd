/// `layout.json`: where each rank of a `ranks` output stands.
///
/// The form is that of the reference data: a single model lists each rank's coordinates, a MIMO model the component of
/// each rank with coordinates and sizes of its groups.
package struct LayoutDocument: Sendable {
  /// Which part of the model a MIMO component takes, and where it sits in the MIMO model.
  package struct Route: Sendable, Hashable {
    package var name, sourcePrefix, targetModulePath: String
    package init(name: String, sourcePrefix: String, targetModulePath: String) {
      self.name = name
      self.sourcePrefix = sourcePrefix
      self.targetModulePath = targetModulePath
    }
  }

  package var cluster: ClusterLayout
  /// MIMO only.
  package var routes: [Route]
  /// Members for the end of the document, name and JSON text: "provider" and what else the caller knows.
  package var extra: [(name: String, json: String)]

  package init(_ cluster: ClusterLayout, routes: [Route] = [], extra: [(name: String, json: String)] = []) {
    self.cluster = cluster
    self.routes = routes
    self.extra = extra
  }

  /// The document's text, ending in a newline.
  package var json: String {
    var members: [(String, String)] = []
    switch cluster.form {
    case .single:
      members.append(("layout", cluster.components.first.map { object(sizes($0.layout)) } ?? "{}"))
    case .mimo:
      members.append(("components", lines(cluster.components.map { quoted($0.layout.specification($0.name)) })))
    }
    members.append(("world_size", "\(cluster.worldSize)"))
    members.append(("ranks", lines((0..<cluster.worldSize).map(rank))))
    if cluster.form == .mimo, !routes.isEmpty { members.append(("routes", lines(routes.map(route)))) }
    members += extra.map { ($0.name, $0.json) }
    return "{\n" + members.map { " \(quoted($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }

  private func sizes(_ l: ComponentLayout) -> [(String, Int)] {
    var pairs = [("tp", l.tp), ("pp", l.pp), ("dp", l.dp), ("cp", l.cp), ("ep", l.ep), ("etp", l.etp)]
    if let layers = l.ppFirst { pairs.append(("pp_first", layers)) }
    if let layers = l.ppLast { pairs.append(("pp_last", layers)) }
    return pairs
  }

  private func rank(_ rank: Int) -> String {
    guard let component = cluster.component(ofRank: rank) else { return "{}" }
    let (grid, l) = (component.grid, component.layout)
    let (dense, expert) = (grid.dense(of: rank), grid.expert(of: rank))
    let places = [("tp", dense.tp), ("pp", dense.pp), ("dp", dense.dp), ("cp", dense.cp), ("ep", expert.ep)]
    guard cluster.form == .mimo else {
      return object([("rank", rank)] + places + [("etp", expert.etp), ("edp", expert.edp)])
    }
    let groups = [
      ("tp_size", l.tp), ("pp_size", l.pp), ("dp_size", l.dp), ("cp_size", l.cp), ("ep_size", l.ep),
      ("expt_tp_size", l.etp), ("expt_dp_size", grid.edp),
    ]
    let expertPlaces = [("expt_tp", expert.etp), ("expt_dp", expert.edp)]
    return "{\(quoted(component.name)): \(object(places + expertPlaces + groups))}"
  }

  private func route(_ route: Route) -> String {
    "{\"name\": \(quoted(route.name)), \"source_prefix\": \(quoted(route.sourcePrefix)), "
      + "\"target_module_path\": \(quoted(route.targetModulePath))}"
  }

  private func object(_ pairs: [(String, Int)]) -> String {
    "{" + pairs.map { "\(quoted($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
  }

  /// A list, an item a line.
  private func lines(_ items: [String]) -> String {
    items.isEmpty ? "[]" : "[\n" + items.map { "  " + $0 }.joined(separator: ",\n") + "\n ]"
  }
}

/// A JSON string.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case let control where control.value < 0x20:
      let hex = String(control.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
