import MimoTensor

/// How values are packed into codes and scales, which a checkpoint stores as two tensors.
///
/// Neither of the two means anything alone: the value of an element is the one of its code times its scale.
package struct Encoding: Sendable, Hashable {
  package enum Form: Sendable, Hashable {
    /// One E4M3 byte an element, one float scale a block of so many rows and columns of a matrix; blocks at the end are
    /// cut off. Leading dims count matrices.
    ///
    /// Source: `weight` and `weight_scale_inv` of DeepSeek-V3 and MiniMax-M2.
    case fp8Block(rows: Int, columns: Int)
    /// Four bits an element, low nibble first, in groups of 32 along the last dim, with one exponent byte a group.
    ///
    /// Source: `_blocks` and `_scales` of GPT-OSS.
    case mxfp4
  }

  package var form: Form
  /// Names of the two stored tensors.
  package var codes: String
  package var scales: String

  package init(_ form: Form, codes: String, scales: String) {
    self.form = form
    self.codes = codes
    self.scales = scales
  }
}

extension Encoding.Form {
  /// Elements of an MXFP4 group.
  package static let groupSize = 32
  /// Sides of a block that are believed.
  private static let blockSizes = 1...1 << 20

  package var name: String {
    switch self {
    case .fp8Block(let rows, let columns): "fp8(\(rows)x\(columns))"
    case .mxfp4: "mxfp4"
    }
  }

  package var codesDType: DType {
    switch self {
    case .fp8Block: .f8e4m3
    case .mxfp4: .u8
    }
  }

  package var scaleDTypes: [DType] {
    switch self {
    case .fp8Block: [.f32, .bf16, .f16]
    case .mxfp4: [.u8]
    }
  }

  /// Whether a tensor of this shape can be stored so.
  package func fits(_ shape: GlobalShape) -> Bool {
    guard let last = shape.dims.last else { return false }
    switch self {
    case .fp8Block(let rows, let columns): return shape.rank >= 2 && Self.blockSizes ~= rows && Self.blockSizes ~= columns
    case .mxfp4: return shape.rank < DimVector.capacity && last % Self.groupSize == 0
    }
  }

  /// Shape of the codes' tensor, for a shape that fits.
  package func codesShape(of shape: GlobalShape) -> GlobalShape {
    switch self {
    case .fp8Block: shape
    case .mxfp4: GlobalShape(groups(shape).appending(Self.groupSize / 2))
    }
  }

  /// Shape of the scales' tensor, for a shape that fits.
  package func scalesShape(of shape: GlobalShape) -> GlobalShape {
    switch self {
    case .mxfp4: return GlobalShape(groups(shape))
    case .fp8Block:
      let blocks = BlockGrid(self, shape)
      var dims = shape.dims
      dims[shape.rank - 2] = blocks.scaleRows
      dims[shape.rank - 1] = blocks.scaleColumns
      return GlobalShape(dims)
    }
  }

  private func groups(_ shape: GlobalShape) -> DimVector {
    var dims = shape.dims
    dims[shape.rank - 1] /= Self.groupSize
    return dims
  }

  /// A window must begin and end on a multiple of this many elements.
  package var granule: Int {
    switch self {
    case .fp8Block: 1
    case .mxfp4: Self.groupSize
    }
  }

  /// The bytes of codes that hold these elements.
  package func codeBytes(of elements: Range<Int>) -> Range<Int> {
    switch self {
    case .fp8Block: elements
    case .mxfp4: elements.lowerBound / 2..<elements.upperBound / 2
    }
  }

  /// The scales that these elements need: positions in the scales' tensor.
  package func scales(of elements: Range<Int>, in shape: GlobalShape) -> Range<Int> {
    switch self {
    case .fp8Block: BlockGrid(self, shape).scales(of: elements)
    case .mxfp4: elements.lowerBound / Self.groupSize..<elements.upperBound / Self.groupSize
    }
  }

  /// Those of them that no other window has: over windows without a gap, each scale is answered once.
  package func ownScales(of elements: Range<Int>, in shape: GlobalShape) -> Range<Int> {
    switch self {
    case .fp8Block: BlockGrid(self, shape).scalesBeginning(in: elements)
    case .mxfp4: scales(of: elements, in: shape)
    }
  }
}

extension DimVector {
  fileprivate func appending(_ extent: Int) -> DimVector {
    var copy = self
    copy.append(extent)
    return copy
  }
}
