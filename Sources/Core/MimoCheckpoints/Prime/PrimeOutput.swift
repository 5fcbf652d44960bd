import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// Where everything of a new folder in prime-rl's layout will lie: each target as a whole tensor, in weight files as a
/// Hugging Face folder has them, which is what prime-rl reads and writes.
package struct PrimeOutput: Sendable {
  package let catalog: StoredCatalog
  /// The bytes before the tensors of each file.
  package let heads: [[UInt8]]
  /// nil for a single file without an index.
  package let index: [UInt8]?

  /// - Parameter dtypes: parallel to the description's targets.
  package init(_ description: ModelDescription, dtypes: [DType], shardBytes: Int) throws(MimoError) {
    let specs = zip(description.targets, dtypes).map { target, dtype in
      TensorSpec(name: target.globalName, dtype: dtype, shape: target.shape)
    }
    let files = WeightFiles.shards(specs, shardBytes: shardBytes)
    let laid = try WeightFiles(files)
    heads = laid.heads
    index = WeightFiles.index(of: files, like: nil)
    catalog = try StoredCatalog(whole: specs.map(\.name), of: laid.places, files: laid.files)
  }
}

extension StoredCatalog {
  /// Targets that are each one whole tensor.
  ///
  /// - Parameter names: parallel to the description's targets.
  init(whole names: [String], of places: [String: WholeTensor], files: [StoredFile]) throws(MimoError) {
    self.init()
    self.files = files
    for name in names {
      guard let place = places[name] else { throw MimoError(.internalError, "the tensor has no place", tensor: name) }
      targets.append(StoredTarget(dtype: place.dtype, chunks: chunks.count..<(chunks.count + 1)))
      chunks.append(StoredChunk(region: Region(whole: place.shape), file: place.file, offset: place.offset))
    }
  }
}

extension ModelDescription {
  /// The dtype of each target of layout prime: that of its sources, because prime-rl casts nothing.
  ///
  /// - Parameters:
  ///   - whole: parallel to the sources.
  ///   - model: the dtype of targets whose sources have none in common that can be computed with.
  ///   - asked: what the user wants instead, for tensors that published checkpoints hold in the model's own dtype.
  package func primeDTypes(_ whole: [WholeTensor], model: DType, asked: DType?) -> [DType] {
    targets.map { target in
      if let fixed = target.dtype { return fixed }
      let sources = target.fragments.compactMap(\.source)
      guard let first = sources.first else { return model }
      if let asked, sources.allSatisfy({ self.sources[$0].published == nil }) { return asked }
      let dtype = whole[first].dtype
      guard dtype.isPlainFloat, sources.allSatisfy({ whole[$0].dtype == dtype }) else { return model }
      return dtype
    }
  }
}
