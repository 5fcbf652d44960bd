import Glibc
import MimoContainers
import MimoConversion
import MimoSystem

/// The path of a checkpoint that may be named as in the Hugging Face hub. A path that exists wins.
func checkpoint(_ argument: String) throws(MimoError) -> String {
  let path = absolute(argument)
  if try FileSystem.exists(path) { return try inModelFolder(path) ?? path }
  guard let name = HubName(argument),
    let cache = HubCache({ getenv($0).map { String(cString: $0) } })
  else { return path }
  return try HubCache(path: absolute(cache.path)).snapshot(of: name)
}

/// A model's folder of the cache itself stands for its snapshot.
private func inModelFolder(_ path: String) throws(MimoError) -> String? {
  let (parent, last) = FileSystem.split(path)
  guard let name = HubName(last), name.folder == last, try FileSystem.isDirectory(FileSystem.join(path, "snapshots"))
  else { return nil }
  return try HubCache(path: parent).snapshot(of: name)
}

extension ConvertOptions {
  /// The options with the paths of what they name.
  func findingCheckpoints() throws(MimoError) -> ConvertOptions {
    var found = self
    found.source = try checkpoint(source)
    if let configFolder { found.configFolder = try checkpoint(configFolder) }
    return found
  }
}

extension SpliceOptions {
  /// The options with the paths of what they name.
  func findingCheckpoints() throws(MimoError) -> SpliceOptions {
    var found = self
    found.conversion = try conversion.findingCheckpoints()
    for index in donors.indices {
      found.donors[index] = Splice(component: donors[index].component, path: try checkpoint(donors[index].path))
    }
    return found
  }
}
