import MimoSystem
import MimoTensor

/// A tensor of a safetensors file and where its bytes lie.
package struct SafeTensorsEntry: Sendable, Hashable {
  package var spec: TensorSpec
  /// Bytes of the file, counted from its beginning.
  package var range: Range<UInt64>

  package init(spec: TensorSpec, range: Range<UInt64>) {
    self.spec = spec
    self.range = range
  }

  package var name: String { spec.name }
  package var dtype: DType { spec.dtype }
  package var shape: GlobalShape { spec.shape }
}

/// The head of a safetensors file: which tensors lie where.
///
/// Format: 8 bytes of length, that many bytes of JSON padded with spaces, then the tensors without a gap.
package struct SafeTensorsHeader: Sendable, Equatable {
  /// Longest JSON that the library reads (safetensors 0.8.0, MAX_HEADER_SIZE).
  package static let lengthLimit: UInt64 = 100_000_000

  /// One entry of `__metadata__`.
  package struct MetadataMember: Sendable, Hashable {
    package var key: String
    package var value: String
    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// In the order of their bytes.
  package let entries: [SafeTensorsEntry]
  /// In the order of the file; nil when it has no `__metadata__`.
  package let metadata: [MetadataMember]?
  /// Spaces after the JSON.
  package let padding: Int
  /// The JSON as the file spells it, when that is not how the library would.
  package let foreignSpelling: [UInt8]?
  /// Bytes of length and JSON together: where the tensors begin.
  package let dataStart: UInt64

  /// Where the last tensor ends, which is the size of the file.
  package var fileSize: UInt64 { entries.last?.range.upperBound ?? dataStart }

  package var tensors: [TensorSpec] { entries.map(\.spec) }

  init(
    entries: [SafeTensorsEntry], metadata: [MetadataMember]?, padding: Int, foreignSpelling: [UInt8]?, dataStart: UInt64
  ) {
    self.entries = entries
    self.metadata = metadata
    self.padding = padding
    self.foreignSpelling = foreignSpelling
    self.dataStart = dataStart
  }
}
