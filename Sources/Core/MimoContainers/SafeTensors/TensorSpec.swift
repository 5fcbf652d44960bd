import MimoSystem
import MimoTensor

/// A tensor without its place: what a file declares of it.
package struct TensorSpec: Sendable, Hashable {
  package var name: String
  package var dtype: DType
  package var shape: GlobalShape

  package init(name: String, dtype: DType, shape: GlobalShape) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }

  /// nil when the elements do not fill whole bytes or the size overflows.
  package var byteCount: Int? { shape.elementCount.flatMap { dtype.byteCount(elements: $0) } }

  /// The order in which the safetensors library lays tensors out: largest alignment first, then by dtype and name.
  ///
  /// Source: safetensors 0.8.0, `prepare`; it compares dtypes by their order of declaration, which is that of `DType`.
  package static func libraryOrder(_ tensors: [TensorSpec]) -> [TensorSpec] {
    var rank: [DType: Int] = [:]
    for (position, dtype) in DType.allCases.enumerated() { rank[dtype] = position }
    return tensors.sorted { a, b in
      a.dtype == b.dtype ? bytewiseLess(a.name, b.name) : rank[a.dtype, default: 0] > rank[b.dtype, default: 0]
    }
  }
}
