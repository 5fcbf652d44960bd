import MimoMapping
import MimoSystem
import MimoTensor

extension StoredCatalog {
  /// The targets as they lie in a Hugging Face folder: each fragment is a strided chunk of one of its tensors.
  ///
  /// - Parameter whole: parallel to the description's sources.
  package init(fragmentsOf description: ModelDescription, in whole: [WholeTensor], files: [StoredFile]) throws(MimoError) {
    self.init()
    self.files = files
    for target in description.targets {
      let start = chunks.count
      var dtype: DType?
      for fragment in target.fragments {
        guard let source = fragment.source else { continue }
        let tensor = whole[source]
        guard dtype == nil || dtype == tensor.dtype, let width = tensor.dtype.byteWidth else {
          throw MimoError(
            .unsupported, "has another dtype than the other tensors of one parameter", path: files[tensor.file].path,
            tensor: tensor.name)
        }
        dtype = tensor.dtype
        chunks.append(
          StoredChunk(
            region: fragment.region, file: tensor.file, offset: tensor.offset + UInt64(fragment.base * width),
            strides: fragment.strides))
      }
      targets.append(StoredTarget(dtype: dtype ?? .bf16, chunks: start..<chunks.count, isPublished: true))
    }
  }

  /// These targets alone, in this order.
  package func keeping(_ kept: [Int]) -> StoredCatalog {
    var result = StoredCatalog()
    result.files = files
    for target in kept {
      var stored = targets[target]
      let start = result.chunks.count
      result.chunks += chunks[stored.chunks]
      stored.chunks = start..<result.chunks.count
      result.targets.append(stored)
    }
    return result
  }
}
