import MimoSystem

/// Which of a component's layers lives on which pipeline stage.
///
/// Source: Megatron-LM, `get_num_layers_to_build`, `get_transformer_layer_offset` and the checks on uneven pipelines in
/// `TransformerConfig`; without virtual pipeline stages.
package struct PipelineSplit: Sendable, Hashable {
  package let layerCount: Int
  package let stageCount: Int
  private let first: Int
  private let middle: Int

  /// - Parameter name: names the component in errors.
  package init(layers: Int, layout: ComponentLayout, of name: String) throws(MimoError) {
    guard layers >= 0, layout.pp >= 1 else { throw MimoError(.internalError, "\(name): \(layers) layers") }
    layerCount = layers
    stageCount = layout.pp
    var layersLeft = layers
    var stagesLeft = layout.pp
    for fixed in [layout.ppFirst, layout.ppLast] {
      guard let fixed else { continue }
      layersLeft -= fixed
      stagesLeft -= 1
    }
    let said = PipelineSplit.words(layout)
    guard layersLeft >= 0, stagesLeft >= 0, (layersLeft > 0) == (stagesLeft > 0) || layers == 0 else {
      throw MimoError(
        .layout,
        "\(name): \(counted(layers, "layer")) on pp=\(layout.pp) stages with \(said) leave \(counted(layersLeft, "layer")) for "
          + counted(stagesLeft, "stage"), remedy: "Each stage needs at least 1 layer, and each layer a stage")
    }
    guard stagesLeft == 0 || layersLeft % stagesLeft == 0 else {
      throw PipelineSplit.uneven(name, layers: layers, layersLeft, stagesLeft, layout)
    }
    middle = stagesLeft == 0 ? 0 : layersLeft / stagesLeft
    first = layout.ppFirst ?? (stagesLeft == 0 ? layersLeft : middle)
  }

  /// The layers of a stage, by their global numbers.
  package func layers(ofStage stage: Int) -> Range<Int> {
    precondition((0..<stageCount).contains(stage))
    let start = stage == 0 ? 0 : first + (stage - 1) * middle
    let end = stage == stageCount - 1 ? layerCount : first + stage * middle
    return start..<end
  }

  /// The stage that holds a layer, nil when there is no such layer.
  package func stage(ofLayer layer: Int) -> Int? {
    guard (0..<layerCount).contains(layer) else { return nil }
    guard layer >= first, stageCount > 1 else { return 0 }
    guard middle > 0 else { return stageCount - 1 }
    return min(1 + (layer - first) / middle, stageCount - 1)
  }

  /// The layer's number in the names of its stage, nil when there is no such layer.
  package func localNumber(ofLayer layer: Int) -> Int? {
    guard let stage = stage(ofLayer: layer) else { return nil }
    return layer - layers(ofStage: stage).lowerBound
  }

  private static func words(_ layout: ComponentLayout) -> String {
    let said = [layout.ppFirst.map { "pp_first=\($0)" }, layout.ppLast.map { "pp_last=\($0)" }].compactMap { $0 }
    return said.isEmpty ? "equal shares" : said.joined(separator: " and ")
  }

  private static func uneven(
    _ name: String, layers: Int, _ layersLeft: Int, _ stagesLeft: Int, _ layout: ComponentLayout
  ) -> MimoError {
    guard layout.ppFirst == nil, layout.ppLast == nil else {
      return MimoError(
        .layout,
        "\(name): with \(words(layout)), the \(layersLeft) layers left do not divide by the \(stagesLeft) stages left "
          + "of pp=\(layout.pp)", remedy: "Choose pp_first and pp_last so that they do")
    }
    let fitting = (1...min(layers, 1024)).filter { layers % $0 == 0 }
    let share = (layers + layout.pp - 1) / layout.pp
    let last = [share, share - 1].map { layers - $0 * (layout.pp - 1) }.first { $0 > 0 && $0 < layers }
    var remedy = "Use pp=\(oneOf(fitting))"
    if let last { remedy += ", or pp_last=\(last)" }
    return MimoError(.layout, "\(name): pp=\(layout.pp) does not divide \(counted(layers, "layer"))", remedy: remedy)
  }
}

/// `1, 2 or 4`; cut short when there are many.
func oneOf(_ numbers: [Int]) -> String {
  guard numbers.count > 1, let last = numbers.last else { return numbers.first.map(String.init) ?? "none" }
  let shown = numbers.count > 8 ? Array(numbers.prefix(7)) + [last] : numbers
  return shown.dropLast().map(String.init).joined(separator: ", ") + " or \(last)"
}
