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
  package var region: Region
  package var file: Int
  /// Byte position of the region's first element; for an item that frames its data, known once the item is located.
  package var offset: UInt64
  /// Steps between elements of the region, in elements.
  package var strides: DimVector
  /// A copy of what another chunk holds too: written like any other, compared when read.
  package var isReplica: Bool

  package init(region: Region, file: Int, offset: UInt64, strides: DimVector, isReplica: Bool = false) {
    self.region = region
    self.file = file
    self.offset = offset
    self.strides = strides
    self.isReplica = isReplica
  }
}

/// One target as a checkpoint stores it.
package struct StoredTarget: Sendable, Hashable {
  package var dtype: DType
  /// Its chunks in `StoredCatalog.chunks`.
  package var chunks: Range<Int>
  package init(dtype: DType, chunks: Range<Int>) {
    self.dtype = dtype
    self.chunks = chunks
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

/// A tensor of a Hugging Face folder, whole and row-major at one place of one file.
package struct WholeTensor: Sendable, Hashable {
  package var name: String
  package var dtype: DType
  package var shape: GlobalShape
  package var file: Int
  package var offset: UInt64
  package init(name: String, dtype: DType, shape: GlobalShape, file: Int, offset: UInt64) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.file = file
    self.offset = offset
  }

  package var elementCount: Int { shape.dims.reduce(1, *) }
  /// Bytes; 0 only for a dtype below one byte of an odd count, which no reader lets through.
  package var byteCount: Int { dtype.byteCount(elements: elementCount) ?? 0 }
}
