import MimoFormats
import MimoPlugins
import MimoSystem

/// Makes a model with few layers and experts of a published one, so that it can be described a thousand times.
struct SmallerModel {
  private let subject: Subject
  private let info: PluginInfo
  private static let sizes = [(word: "layers", most: 8), (word: "experts", most: 8), (word: "depth", most: 8)]

  init(_ subject: Subject, _ info: PluginInfo) {
    self.subject = subject
    self.info = info
  }

  /// The config with all of those sizes reduced that the plugin takes reduced, with lists of one entry a layer cut too.
  func of(_ config: Subject.Config) throws(MimoError) -> Subject.Config {
    let all = reductions(of: config.json)
    if let least = try taken(all.reduce(config.json) { $1($0) }) { return named(config, least) }
    var json = config.json
    for reduction in all {
      if let smaller = try taken(reduction(json)) { json = smaller }
    }
    return named(config, json)
  }

  private func named(_ config: Subject.Config, _ json: JSONValue) -> Subject.Config {
    Subject.Config(name: config.name, json: json)
  }

  /// The config, if any layout describes it.
  private func taken(_ json: JSONValue) throws(MimoError) -> JSONValue? {
    for layout in info.layouts {
      let outcome = try subject.trials.outcomes(
        [subject.request(json, layout, info)], components: info.components.map(\.name)
      ).first
      if outcome?.description != nil { return json }
    }
    return nil
  }

  private func reductions(of config: JSONValue) -> [(JSONValue) -> JSONValue] {
    let leaves = ConfigLeaf.all(of: config)
    return leaves.compactMap { leaf in
      guard let count = leaf.value.integer, !leaf.key.contains("per_tok"),
        let size = SmallerModel.sizes.first(where: { leaf.key.contains($0.word) }), count > size.most
      else { return nil }
      let lists = leaves.filter { $0.value.array?.count == count || $0.value.string?.count == count }
      return { json in
        lists.reduce(json.replacing(leaf.path, with: .integer(size.most))) { json, list in
          json.replacing(list.path, with: SmallerModel.cut(list.value, to: size.most))
        }
      }
    }
  }

  private static func cut(_ list: JSONValue, to count: Int) -> JSONValue {
    switch list {
    case .array(let items): .array(Array(items.prefix(count)))
    case .string(let text): .string(String(text.prefix(count)))
    default: list
    }
  }
}
