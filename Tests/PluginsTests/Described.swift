import Foundation
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoTensor
import Testing

/// One model as its family's library describes it, with the names that reference checkpoints have.
struct Described {
  let info: PluginInfo
  let layout: String
  let model: ModelDescription

  /// The library as the build made it.
  static func plugin(_ family: String = "Qwen3VL") throws -> PluginLibrary {
    try PluginLibrary(path: Places.plugin(family))
  }

  init(_ input: ModelInput, layout: String, family: String = "Qwen3VL") throws {
    let plugin = try Described.plugin(family)
    info = plugin.info
    self.layout = layout
    model = try plugin.describe(input, layout: layout)
  }

  init(_ fixture: Fixture, layout: String) throws {
    try self.init(fixture.input, layout: layout, family: fixture.family)
  }

  func fullName(_ name: String, _ component: Int) -> String {
    PluginDescription.fullName(name, component: component, of: info, layout: layout)
  }

  /// Module name -> shape at tp = pp = ep = 1.
  var targets: [String: GlobalShape] {
    Dictionary(uniqueKeysWithValues: model.targets.map { (fullName($0.globalName, $0.component), $0.shape) })
  }

  /// Key of a distributed checkpoint -> shape, layer and expert axes in front, named segments apart.
  var distributed: [String: GlobalShape] {
    var keys: [String: GlobalShape] = [:]
    for target in model.targets {
      let key = fullName(
        Template.fill(target.key, layer: target.layer?.index, expert: target.expert?.index), target.component)
      let axes = self.axes(target.key, layer: target.layer, expert: target.expert)
      let parts = target.placement.segments.filter { !$0.name.isEmpty }
      if parts.isEmpty {
        keys[key] = GlobalShape(DimVector(exactly: axes + Array(target.shape.dims)) ?? [])
      }
      for part in parts {
        var dims = target.shape.dims
        if let dim = target.placement.splitDim { dims[dim] = part.extent }
        keys["\(key).\(part.name)"] = GlobalShape(DimVector(exactly: axes + Array(dims)) ?? [])
      }
    }
    return keys
  }

  /// Key of an extra state entry -> shape of its grid of shards ([1] for one).
  var states: [String: GlobalShape] {
    var keys: [String: GlobalShape] = [:]
    for entry in model.stateEntries {
      let key = fullName(
        Template.fill(entry.key, layer: entry.layer?.index, expert: entry.expert?.index), entry.component)
      let axes = self.axes(entry.key, layer: entry.layer, expert: entry.expert)
      keys[key] = GlobalShape(DimVector(exactly: axes.isEmpty ? [1] : axes) ?? [])
    }
    return keys
  }

  private func axes(_ key: String, layer: AxisPosition?, expert: AxisPosition?) -> [Int] {
    var axes: [Int] = []
    if let layer, !Template.has(Template.layer, in: key) { axes.append(layer.count) }
    if let expert, !Template.has(Template.expert, in: key) { axes.append(expert.count) }
    return axes
  }
}

/// Names first, so that a failure says which are missing and which are too many.
func expectEqual(
  _ seen: [String: GlobalShape], _ expected: [String: GlobalShape], sourceLocation: SourceLocation = #_sourceLocation
) {
  let missing = expected.keys.filter { seen[$0] == nil }.sorted()
  let extra = seen.keys.filter { expected[$0] == nil }.sorted()
  #expect(missing == [], "missing", sourceLocation: sourceLocation)
  #expect(extra == [], "too many", sourceLocation: sourceLocation)
  for (name, shape) in expected {
    guard let other = seen[name], other != shape else { continue }
    Issue.record("\(name) is \(other), expected \(shape)", sourceLocation: sourceLocation)
  }
}
