import MimoJSON
import MimoPluginHost
import MimoSystem

/// Makes a model with few layers and experts of a published one, so that it can be described a thousand times.
struct SmallerModel {
  private let trials: TrialRunner
  private let family: Family
  private static let sizes = [(word: "layers", most: 8), (word: "experts", most: 8), (word: "depth", most: 8)]

  init(_ trials: TrialRunner, _ family: Family) {
    self.trials = trials
    self.family = family
  }

  /// The config with all of those sizes reduced that the plugin takes reduced, with lists of one entry a layer cut too.
  func of(_ config: JSONValue) throws(MimoError) -> JSONValue {
    let all = reductions(of: config)
    let least = all.reduce(config) { $1($0) }
    guard !all.isEmpty else { return config }
    if try isTaken(least) { return least }
    var json = config
    for reduction in all where try isTaken(reduction(json)) { json = reduction(json) }
    return json
  }

  /// Whether any layout describes it.
  private func isTaken(_ json: JSONValue) throws(MimoError) -> Bool {
    for layout in family.info.layouts {
      let outcome = try trials.outcome(family.request(json, layout), components: family.components)
      if outcome.description != nil { return true }
    }
    return false
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
