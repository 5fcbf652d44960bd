import AlgebraSupport
import MimoMapping
import MimoSystem
import MimoTensor
import Testing

@Suite struct ReshapeTests {
  /// Each source shape, cut to a box, put in another order, under every other shape.
  @Test(arguments: [
    ([6, 4, 5], [2, 3, 20]), ([6, 4], [4, 6]), ([12], [3, 1, 4]), ([1, 12, 1], [12]), ([1], []), ([], [1, 1]),
    ([2, 1, 3], [1, 6, 1]), ([5, 7], [7, 5]), ([4, 6, 2], [8, 6]), ([2, 3, 4, 5], [6, 20]), ([8], [2, 2, 2]),
  ])
  func cutsPartialBoxes(_ old: [Int], _ new: [Int]) throws {
    var builder = ModelBuilder(components: ["language"])
    // The boxes: two halves of every dim, one after the other, put together again.
    for dim in old.indices.map(Optional.some) + [nil] {
      let name = "source.\(dim ?? -1)"
      var node = try builder.source(name, shape: shape(old), published: nil)
      var plain = PlainTensor(source: (dim ?? old.count), dims: old)
      if let dim, old[dim] > 1 {
        let middle = old[dim] / 2
        let low = try builder.narrow(node, dim: dim, start: 0, length: middle)
        let high = try builder.narrow(node, dim: dim, start: middle, length: old[dim] - middle)
        node = try builder.concat([high, low], dim: dim)
        plain = PlainTensor.concat(
          [
            plain.narrowed(dim: dim, start: middle, length: old[dim] - middle),
            plain.narrowed(dim: dim, start: 0, length: middle),
          ], dim: dim)
      }
      let result = try builder.reshape(node, to: shape(new))
      _ = try builder.target(
        component: 0, name: name, key: "", node: result, kind: .parameter, dtype: nil,
        placement: .init(stage: .first), layer: nil, isVocabulary: false)
      #expect(try builder.shape(of: result) == shape(new))
      let description = try builder.finish()
      #expect(expanded(description.targets[description.targets.count - 1]) == plain.reshaped(new).elements)
    }
  }

  /// Refused at once, not after the memory is gone.
  @Test(arguments: [[1 << 30, 1 << 30]])
  func tooManyPiecesAreRefused(_ dims: [Int]) throws {
    var builder = ModelBuilder(components: ["language"])
    let source = try builder.source("a", shape: shape(dims), published: nil)
    let turned = try builder.permute(source, order: [1, 0])
    let found = error { () throws(MimoError) in _ = try builder.reshape(turned, to: shape([dims[0] * dims[1]])) }
    #expect(
      found?.message
        == "a reshape of \(shape(dims)) to \(shape([dims[0] * dims[1]])) falls into more than 1048576 pieces")
    #expect(found?.remedy == "Reshape before the dims are permuted")
  }

  /// The grouping of heads in a packed projection stays a handful of pieces, whatever the sizes.
  @Test func groupedHeadsStayFewPieces() throws {
    var builder = ModelBuilder(components: ["language"])
    let (groups, heads, width, hidden) = (8, 4, 128, 4096)
    var parts: [Int] = []
    for (name, count) in [("q", heads), ("k", 1), ("v", 1)] {
      let source = try builder.source(name, shape: shape([groups * count * width, hidden]), published: nil)
      parts.append(try builder.reshape(source, to: shape([groups, count * width, hidden])))
    }
    let packed = try builder.reshape(
      builder.concat(parts, dim: 1), to: shape([groups * (heads + 2) * width, hidden]))
    _ = try builder.target(
      component: 0, name: "qkv", key: "", node: packed, kind: .parameter, dtype: nil, placement: .init(stage: .first),
      layer: nil, isVocabulary: false)
    let description = try builder.finish()
    #expect(description.targets[0].fragments.count == 3 * groups)
    try Coverage.prove(description)
  }
}
