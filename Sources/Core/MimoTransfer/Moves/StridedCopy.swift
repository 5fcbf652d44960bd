import MimoTensor

/// Copies a strided block between a buffer that holds a window of the left side and one packed in right order.
///
/// `block` must be sorted as `StridedBlock.rightRuns` answers it; its right strides are not used, packed order is.
package enum StridedCopy {
  /// Left window -> packed.
  package static func pack(
    _ block: StridedBlock, width: Int, window: UnsafeRawPointer, windowStart: Int, into packed: UnsafeMutableRawPointer
  ) {
    let walk = Walk(block)
    let source = UnsafeMutableRawPointer(mutating: window + (block.left.base - windowStart) * width)
    switch width {
    case 1: walk.run(UInt8.self, source, packed, .pack)
    case 2: walk.run(UInt16.self, source, packed, .pack)
    case 4: walk.run(UInt32.self, source, packed, .pack)
    default: walk.run(UInt64.self, source, packed, .pack)
    }
  }

  /// Packed -> left window.
  package static func unpack(
    _ block: StridedBlock, width: Int, packed: UnsafeRawPointer, window: UnsafeMutableRawPointer, windowStart: Int
  ) {
    let walk = Walk(block)
    let target = window + (block.left.base - windowStart) * width
    let packed = UnsafeMutableRawPointer(mutating: packed)
    switch width {
    case 1: walk.run(UInt8.self, target, packed, .unpack)
    case 2: walk.run(UInt16.self, target, packed, .unpack)
    case 4: walk.run(UInt32.self, target, packed, .unpack)
    default: walk.run(UInt64.self, target, packed, .unpack)
    }
  }

  private enum Direction {
    case pack
    case unpack
  }

  /// The loops over a block: an odometer over the outer dims, a row or a tiled transpose inside.
  private struct Walk {
    var outer = DimVector()
    var outerLeft = DimVector()
    var outerPacked = DimVector()
    /// The dim that is contiguous in the packed buffer.
    var columns = 1
    var columnLeft = 1
    /// With a transpose: the dim that is contiguous on the left.
    var rows = 1
    var rowPacked = 1

    init(_ block: StridedBlock) {
      let rank = block.extent.count
      var packedStrides = DimVector(repeating: 1, count: rank)
      var stride = 1
      for dim in (0..<rank).reversed() {
        packedStrides[dim] = stride
        stride *= block.extent[dim]
      }
      guard rank > 0 else { return }
      columns = block.extent[rank - 1]
      columnLeft = block.left.strides[rank - 1]
      var contiguous: Int?
      if columnLeft != 1 { contiguous = (0..<(rank - 1)).first { block.left.strides[$0] == 1 } }
      if let contiguous {
        rows = block.extent[contiguous]
        rowPacked = packedStrides[contiguous]
      }
      for dim in 0..<(rank - 1) where dim != contiguous {
        outer.append(block.extent[dim])
        outerLeft.append(block.left.strides[dim])
        outerPacked.append(packedStrides[dim])
      }
    }

    @inline(__always)
    func run<T: BitwiseCopyable>(
      _ type: T.Type, _ left: UnsafeMutableRawPointer, _ packed: UnsafeMutableRawPointer, _ direction: Direction
    ) {
      let left = left.assumingMemoryBound(to: T.self)
      let packed = packed.assumingMemoryBound(to: T.self)
      var index = DimVector(repeating: 0, count: outer.count)
      var (l, p) = (0, 0)
      while true {
        inner(left + l, packed + p, direction)
        var dim = outer.count - 1
        while dim >= 0 {
          index[dim] += 1
          l += outerLeft[dim]
          p += outerPacked[dim]
          if index[dim] < outer[dim] { break }
          l -= index[dim] * outerLeft[dim]
          p -= index[dim] * outerPacked[dim]
          index[dim] = 0
          dim -= 1
        }
        if dim < 0 { return }
      }
    }

    @inline(__always)
    private func inner<T: BitwiseCopyable>(
      _ left: UnsafeMutablePointer<T>, _ packed: UnsafeMutablePointer<T>, _ direction: Direction
    ) {
      if columnLeft == 1, rows == 1 {
        switch direction {
        case .pack: packed.update(from: left, count: columns)
        case .unpack: left.update(from: packed, count: columns)
        }
        return
      }
      let tile = 32
      var r0 = 0
      while r0 < rows {
        let r1 = min(r0 + tile, rows)
        var c0 = 0
        while c0 < columns {
          let c1 = min(c0 + tile, columns)
          for r in r0..<r1 {
            for c in c0..<c1 {
              switch direction {
              case .pack: packed[r * rowPacked + c] = left[r + c * columnLeft]
              case .unpack: left[r + c * columnLeft] = packed[r * rowPacked + c]
              }
            }
          }
          c0 = c1
        }
        r0 = r1
      }
    }
  }
}
