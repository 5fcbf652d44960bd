import MimoMapping
import MimoTensor

/// A file of a checkpoint: for outputs its path inside the new folder, for inputs where it lies.
package struct StoredFile: Sendable, Hashable {
  package var path: String
  package var size: UInt64
  package init(path: String, size: UInt64) {
    self.path = path
    self.size = size
  }
}

/// A region of a target, as it lies in a file.
package struct StoredChunk: Sendable, Hashable {
  /// The box of the whole target that it holds.
  package let region: Region
  package var file: Int
  /// Byte position of the region's first element; for an item that frames its data, known once the item is located.
  package var offset: UInt64
  private var steps: Steps
  /// A copy of what another chunk holds too: written like any other, compared when read.
  package var isReplica: Bool

  package init(region: Region, file: Int, offset: UInt64, strides: DimVector, isReplica: Bool = false) {
    self.region = region
    self.file = file
    self.offset = offset
    steps = Steps(strides, of: region)
    self.isReplica = isReplica
  }

  /// A region whose elements lie one after the other, row-major.
  package init(region: Region, file: Int, offset: UInt64) {
    self.region = region
    self.file = file
    self.offset = offset
    steps = .rowMajor
    isReplica = false
  }

  /// Steps between elements of the region, in elements.
  package var strides: DimVector {
    get {
      switch steps {
      case .rowMajor: rowMajorStrides(region.extent)
      case .apart(let strides): strides
      }
    }
    set { steps = Steps(newValue, of: region) }
  }

  /// Whether the elements lie one after the other, row-major.
  package var isRowMajor: Bool {
    if case .rowMajor = steps { true } else { false }
  }

  /// Whether a later element of the region, row-major, lies further behind in the file; there may be gaps.
  package var hasRowMajorOrder: Bool {
    guard case .apart(let strides) = steps else { return true }
    var span = 1
    for dim in region.extent.indices.reversed() where region.extent[dim] > 1 {
      guard strides[dim] >= span else { return false }
      span = strides[dim] * region.extent[dim]
    }
    return true
  }

  /// The row-major number of the element that lies so many elements behind the region's first; in a region whose elements
  /// lie in another order its place.
  package func number(ofElementAt position: Int) -> Int {
    guard case .apart(let strides) = steps, hasRowMajorOrder else { return position }
    var (rest, number) = (position, 0)
    for dim in region.extent.indices {
      number *= region.extent[dim]
      guard region.extent[dim] > 1, strides[dim] > 0 else { continue }
      number += rest / strides[dim]
      rest %= strides[dim]
    }
    return number
  }

  /// A plan may have millions of chunks, and the elements of most lie one after the other: only other steps are kept.
  private indirect enum Steps: Sendable, Hashable {
    case rowMajor
    case apart(DimVector)

    init(_ strides: DimVector, of region: Region) {
      self = strides == rowMajorStrides(region.extent) ? .rowMajor : .apart(strides)
    }
  }
}

/// One target as a checkpoint stores it.
package struct StoredTarget: Sendable, Hashable {
  package var dtype: DType
  /// Its chunks in `StoredCatalog.chunks`.
  package var chunks: Range<Int>
  /// The values are still those of the Hugging Face tensors: what an import does to them is to be done.
  package var isPublished: Bool

  package init(dtype: DType, chunks: Range<Int>, isPublished: Bool = false) {
    self.dtype = dtype
    self.chunks = chunks
    self.isPublished = isPublished
  }
}

/// Where every target of a model lies in a checkpoint: one form for all formats.
///
/// `targets` is parallel to the targets of the model's description.
package struct StoredCatalog: Sendable {
  package var files: [StoredFile] = []
  package var targets: [StoredTarget] = []
  package var chunks: [StoredChunk] = []
  package init() {}
}

/// A tensor of a Hugging Face folder, whole and row-major at one place of one file; two places when it is encoded.
package struct WholeTensor: Sendable, Hashable {
  package var name: String
  package var dtype: DType
  package var shape: GlobalShape
  package var file: Int
  package var offset: UInt64
  package var storage: Storage

  package init(
    name: String, dtype: DType, shape: GlobalShape, file: Int, offset: UInt64, storage: Storage = .plain
  ) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.file = file
    self.offset = offset
    self.storage = storage
  }

  /// How its elements lie in the file.
  package indirect enum Storage: Sendable, Hashable {
    /// One after the other.
    case plain
    /// As codes and scales; name, dtype and shape are those of the decoded tensor, file and offset those of the codes.
    case encoded(Encoding.Form, codes: WholeTensor, scales: WholeTensor)
  }

  /// The tensors that the checkpoint has of it.
  package var stored: [WholeTensor] {
    switch storage {
    case .plain: [self]
    case .encoded(_, let codes, let scales): [codes, scales]
    }
  }

  /// Bytes that elements take in the file, scales aside.
  package func storedBytes(of elements: Range<Int>) -> Range<Int> {
    switch storage {
    case .plain:
      let width = dtype.byteWidth ?? 1
      return elements.lowerBound * width..<elements.upperBound * width
    case .encoded(let form, _, _): return form.codeBytes(of: elements)
    }
  }

  /// All of them.
  package var storedByteCount: Int {
    switch storage {
    case .plain: byteCount
    case .encoded(_, let codes, _): codes.byteCount
    }
  }

  package var elementCount: Int { shape.dims.reduce(1, *) }
  /// Bytes; 0 only for a dtype below one byte of an odd count, which no reader lets through.
  package var byteCount: Int { dtype.byteCount(elements: elementCount) ?? 0 }
}
