import MimoJSON
import MimoParallel
import MimoSystem

/// Reads `layout.json` of a `ranks` folder: which sizes its ranks were cut for.
package enum LayoutFile {
  package static let fileName = "layout.json"

  /// - Parameter declared: the plugin's components.
  package static func read(
    _ folder: String, declared: [ClusterLayout.Declared]
  ) throws(MimoError) -> ClusterLayout {
    let path = FileSystem.join(folder, fileName)
    try SourceFolders.check(path)
    let cluster = try parse(try FileSystem.readSmallFile(path, limit: 256 << 20), path: path, declared: declared)
    // Each rank has a file: a layout of millions of ranks must not take memory before the first of them is missed.
    let fileCount = try FileSystem.list(folder).count
    guard cluster.worldSize <= fileCount else {
      throw MimoError(
        .invalidInput, "says \(counted(cluster.worldSize, "rank")), but the folder has \(counted(fileCount, "file"))", path: path,
        remedy: "Copy the folder again: a rank has one file")
    }
    return cluster
  }

  /// Reads the bytes of a `layout.json`.
  package static func parse(
    _ bytes: [UInt8], path: String, declared: [ClusterLayout.Declared]
  ) throws(MimoError) -> ClusterLayout {
    let json = try JSONParser.parse(bytes, path: path)
    let worldSize = json["world_size"]?.integer
    do throws(MimoError) {
      if let sizes = json["layout"]?.object {
        return try ClusterLayout.single(try single(sizes), worldSize: worldSize)
      }
      guard let components = json["components"]?.array else {
        throw MimoError(.invalidInput, "has neither \"layout\" nor \"components\"")
      }
      var requests: [ComponentRequest] = []
      for component in components {
        guard let text = component.string else { throw MimoError(.invalidInput, "a component is no text") }
        var request = try ComponentRequest(recorded: text)
        if request[.etp] == nil { request[.etp] = expertTensorParallel(of: request.name, in: json) }
        requests.append(request)
      }
      return try ClusterLayout.solve(requests, declared: declared, worldSize: worldSize)
    } catch {
      throw error.at(path: path)
    }
  }

  /// What the ranks of a component say, as those of the reference data do.
  private static func expertTensorParallel(of component: String, in json: JSONValue) -> Int? {
    json["ranks"]?.array?.lazy.compactMap { $0.object?[component]?["expt_tp_size"]?.integer }.first { $0 > 0 }
  }

  private static func single(_ sizes: JSONObject) throws(MimoError) -> ClusterLayout.SingleRequest {
    var request = ClusterLayout.SingleRequest()
    for (key, value) in sizes.members {
      guard let number = value.integer, number > 0 else {
        throw MimoError(.invalidInput, "\(key) is no size")
      }
      switch key {
      case "tp": request.tp = number
      case "pp": request.pp = number
      case "cp": request.cp = number
      case "ep": request.ep = number
      case "etp": request.etp = number
      case "pp_first": request.ppFirst = number
      case "pp_last": request.ppLast = number
      case "dp": break  // follows from world_size
      default: throw MimoError(.invalidInput, "size \(key) is unknown")
      }
    }
    return request
  }
}
