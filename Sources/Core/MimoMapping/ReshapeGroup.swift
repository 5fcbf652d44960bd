import MimoTensor

/// A run of dims of the old shape and a run of dims of the new one that hold the same elements.
///
/// A reshape falls into such groups, each independent of the others: [6, 4, 5] -> [2, 3, 20] is 6 -> 2, 3 and 4, 5 -> 20.
struct ReshapeGroup {
  var old: Range<Int>
  var new: Range<Int>

  /// The finest groups of two shapes of equal element count.
  static func matching(_ old: DimVector, _ new: DimVector) -> [ReshapeGroup] {
    var groups: [ReshapeGroup] = []
    var i = 0
    var j = 0
    while i < old.count || j < new.count {
      let (i0, j0) = (i, j)
      var a = 1
      var b = 1
      if i < old.count {
        a = old[i]
        i += 1
      }
      if j < new.count {
        b = new[j]
        j += 1
      }
      // The products of both shapes are equal, so the side that is behind has dims left.
      while a != b {
        if a < b {
          a *= old[i]
          i += 1
        } else {
          b *= new[j]
          j += 1
        }
      }
      groups.append(ReshapeGroup(old: i0..<i, new: j0..<j))
    }
    return groups
  }

  /// Appends the pieces of `fragment` under the new shape; stops soon after `Node.fragmentLimit`, with more than that.
  static func apply(
    _ groups: [ReshapeGroup], to fragment: Fragment, from old: DimVector, to new: DimVector,
    into result: inout [Fragment]
  ) {
    var empty = fragment
    empty.region = Region(offset: [], extent: [])
    empty.strides = []
    extend(empty, groups: groups[...], fragment: fragment, old: old, new: new, into: &result)
  }

  private static func extend(
    _ partial: Fragment, groups: ArraySlice<ReshapeGroup>, fragment: Fragment, old: DimVector, new: DimVector,
    into result: inout [Fragment]
  ) {
    guard let group = groups.first else {
      result.append(partial)
      return
    }
    let rest = groups.dropFirst()
    if group.old.count == 1, group.new.count == 1 {
      var next = partial
      next.region.offset.append(fragment.region.offset[group.old.lowerBound])
      next.region.extent.append(fragment.region.extent[group.old.lowerBound])
      next.strides.append(fragment.strides[group.old.lowerBound])
      extend(next, groups: rest, fragment: fragment, old: old, new: new, into: &result)
      return
    }
    for run in LinearRun.flattening(fragment, dims: group.old, of: old) {
      guard result.count <= Node.fragmentLimit else { return }
      for box in run.unflattened(Array(group.new.map { new[$0] })[...]) {
        var next = partial
        next.base += box.base
        for dim in 0..<box.region.rank {
          next.region.offset.append(box.region.offset[dim])
          next.region.extent.append(box.region.extent[dim])
          next.strides.append(box.strides[dim])
        }
        extend(next, groups: rest, fragment: fragment, old: old, new: new, into: &result)
      }
    }
  }
}

/// A run of consecutive positions in a flattened group of dims, strided in the source.
struct LinearRun {
  var offset: Int
  var extent: Int
  /// Source elements to add to the fragment's base.
  var base: Int
  var stride: Int

  /// The positions of `fragment` in `dims`, flattened row-major, as few runs as possible; of more than
  /// `Node.fragmentLimit` runs one more than that.
  static func flattening(_ fragment: Fragment, dims: Range<Int>, of shape: DimVector) -> [LinearRun] {
    var runs = [LinearRun(offset: 0, extent: 1, base: 0, stride: 0)]
    var size = 1
    for dim in dims.reversed() {
      let (offset, extent) = (fragment.region.offset[dim], fragment.region.extent[dim])
      let stride = fragment.strides[dim]
      if size == 1 {
        runs = [LinearRun(offset: offset, extent: extent, base: 0, stride: stride)]
      } else if runs.count == 1, runs[0].extent == size, extent == 1 || stride == size * runs[0].stride {
        runs[0].offset = offset * size
        runs[0].extent = extent * size
      } else {
        runs = repeated(runs, extent: extent, offset: offset, size: size, stride: stride)
      }
      size *= shape[dim]
    }
    return runs
  }

  /// The runs again for each step of a dim around them.
  private static func repeated(_ runs: [LinearRun], extent: Int, offset: Int, size: Int, stride: Int) -> [LinearRun] {
    var result: [LinearRun] = []
    for step in 0..<extent {
      for run in runs {
        guard result.count <= Node.fragmentLimit else { return result }
        result.append(
          LinearRun(
            offset: (offset + step) * size + run.offset, extent: run.extent, base: run.base + step * stride,
            stride: run.stride))
      }
    }
    return result
  }

  /// The run as boxes of a row-major shape.
  func unflattened(_ dims: ArraySlice<Int>) -> [(region: Region, base: Int, strides: DimVector)] {
    if dims.isEmpty { return [(Region(offset: [], extent: []), base, [])] }
    let rest = dims.dropFirst()
    let inner = rest.reduce(1, *)
    var boxes: [(region: Region, base: Int, strides: DimVector)] = []
    var position = offset
    let end = offset + extent
    while position < end {
      let row = position / inner
      let column = position % inner
      let wholeRows = column == 0 ? (end - position) / inner : 0
      let length = wholeRows > 0 ? wholeRows * inner : Swift.min(inner - column, end - position)
      let rows = Swift.max(wholeRows, 1)
      let part = LinearRun(
        offset: column, extent: wholeRows > 0 ? inner : length, base: base + (position - offset) * stride,
        stride: stride)
      for box in part.unflattened(rest) {
        var (region, start, strides) = box
        region.offset.insert(row, at: 0)
        region.extent.insert(rows, at: 0)
        strides.insert(inner * stride, at: 0)
        boxes.append((region, start, strides))
      }
      position += length
    }
    return boxes
  }
}
