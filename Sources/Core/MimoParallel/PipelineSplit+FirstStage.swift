import MimoSystem

extension PipelineSplit {
  /// Refuses a first stage of fewer than `least` layers, and names layouts that have enough there.
  ///
  /// - Parameters:
  ///   - what: what needs the layers, in errors.
  ///   - layout: the one that the split was made of.
  package func requireOnFirstStage(_ least: Int, for what: String, _ layout: ComponentLayout) throws(MimoError) {
    let held = layers(ofStage: 0).count
    guard held < least else { return }
    throw MimoError(
      .layout,
      "\(what) need \(least) layers on the first pipeline stage, but pp=\(stageCount) puts \(held) of \(layerCount) there",
      remedy: remedy(least, layout))
  }

  private func remedy(_ least: Int, _ layout: ComponentLayout) -> String {
    guard layerCount >= least else { return "The model has too few layers: check config.json" }
    func fits(_ change: (inout ComponentLayout) -> Void) -> Bool {
      var changed = layout
      change(&changed)
      guard let split = try? PipelineSplit(layers: layerCount, layout: changed, of: "") else { return false }
      return split.layers(ofStage: 0).count >= least
    }
    let stages = (1..<stageCount).filter { pp in
      fits { ($0.pp, $0.ppFirst, $0.ppLast) = (pp, nil, nil) }
    }
    let first = (least...layerCount).first { count in fits { $0.ppFirst = count } }
    return "Use pp=\(oneOf(stages))" + (first.map { ", or pp_first=\($0)" } ?? "")
  }
}
