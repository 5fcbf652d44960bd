import MimoFormats
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
    let json = try JSONParser.parse(file: path, limit: 256 << 20)
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
        requests.append(try ComponentRequest(parsing: text))
      }
      return try ClusterLayout.solve(requests, declared: declared, worldSize: worldSize)
    } catch {
      throw error.at(path: path)
    }
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
