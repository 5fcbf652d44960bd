import MimoMapping
import MimoSystem
import MimoTensor

extension ConversionPlan {
  /// The conversion of one checkpoint into another: index space stays, only chunks change.
  ///
  /// Descriptions and catalogs of both are parallel. Where the rows of a vocabulary differ, those that only one has are
  /// padding: they are not read, or are zero.
  ///
  /// - Parameter names: of the targets, for reports and errors.
  package init(
    from input: ModelDescription, _ source: StoredCatalog, to output: ModelDescription, _ stored: StoredCatalog,
    names: [String]
  ) throws(MimoError) {
    var whole: [WholeTensor] = []
    whole.reserveCapacity(names.count)
    for (index, name) in names.enumerated() {
      let target = source.targets[index]
      // The place only decides the order of reading.
      let first = source.chunks[target.chunks].first
      whole.append(
        WholeTensor(
          // What an import does is done in one step: to the values, then to the dtype.
          name: name, dtype: target.isPublished ? stored.targets[index].dtype : target.dtype,
          shape: try ConversionPlan.common(input.targets[index], output.targets[index], name: name),
          file: first?.file ?? 0, offset: first?.offset ?? 0))
    }
    let reading = try ConversionPlan(reading: input, source, as: whole)
    try self.init(
      .storedToStored, description: output.asItself(whole), whole: whole, wholeFiles: [], stored: stored,
      gathering: [reading])
  }

  /// How the targets of a checkpoint are read, each as one whole tensor.
  ///
  /// - Parameter whole: parallel to the description's targets; of a vocabulary the rows that are wanted.
  package init(
    reading description: ModelDescription, _ source: StoredCatalog, as whole: [WholeTensor]
  ) throws(MimoError) {
    var itself = description.asItself(whole)
    for (index, target) in description.targets.enumerated() where source.targets[index].isPublished {
      let kernel = try target.importKernel()
      // Reading takes a kernel back: that of the import is done by taking its opposite back.
      for fragment in itself.targets[index].fragments.indices {
        itself.targets[index].fragments[fragment].kernel = kernel?.opposite
      }
    }
    try self.init(.storedToWhole, description: itself, whole: whole, wholeFiles: [], stored: source)
  }

  /// What both sides have of a target.
  private static func common(
    _ a: TargetDeclaration, _ b: TargetDeclaration, name: String
  ) throws(MimoError) -> GlobalShape {
    var dims = a.shape.dims
    if a.isVocabulary, b.shape.rank == a.shape.rank { dims[0] = min(dims[0], b.shape.dims[0]) }
    var rest = b.shape.dims
    if a.isVocabulary, rest.count == dims.count { rest[0] = dims[0] }
    guard dims == rest else {
      throw MimoError(
        .invalidInput, "has shape \(a.shape) in the source, but the output's model makes it \(b.shape)", tensor: name)
    }
    return GlobalShape(dims)
  }
}

extension TargetDeclaration {
  /// What an import does to each of its elements; throws where it does not do the same to all, or looks at all first.
  fileprivate func importKernel() throws(MimoError) -> ElementKernel? {
    let kernels = Set(fragments.lazy.filter { $0.source != nil }.map(\.kernel))
    guard let kernel = kernels.first, kernels.count == 1 else {
      throw MimoError(.unsupported, "an import changes a part of its values", tensor: globalName)
    }
    guard let kernel else { return nil }
    guard kernel.opposite != nil else {
      throw MimoError(.unsupported, "\(kernel.name) has no opposite", tensor: globalName)
    }
    return kernel
  }
}

extension ElementKernel {
  /// The kernel whose way back is this one's way there, to the bit.
  fileprivate var opposite: ElementKernel? {
    switch self {
    case .add(let value): .add(-value)
    case .subtractMinimum: nil
    }
  }
}

extension ModelDescription {
  /// Where the values are still the published ones, nothing is taken back from them on the way to a Hugging Face folder.
  package func withoutKernels(ofPublished catalog: StoredCatalog) -> ModelDescription {
    var result = self
    for index in targets.indices where catalog.targets[index].isPublished {
      for fragment in targets[index].fragments.indices { result.targets[index].fragments[fragment].kernel = nil }
    }
    return result
  }

  /// The same targets, each made of one whole tensor: itself.
  fileprivate func asItself(_ whole: [WholeTensor]) -> ModelDescription {
    var result = ModelDescription()
    result.sources = whole.map { SourceDeclaration(name: $0.name, shape: $0.shape, published: nil) }
    result.targets = targets
    for (index, tensor) in whole.enumerated() {
      let shape = targets[index].shape
      result.targets[index].fragments = [
        Fragment(region: Region(whole: tensor.shape), source: index, base: 0, strides: rowMajorStrides(tensor.shape.dims))
      ]
      result.targets[index].shape = tensor.shape
      if shape != tensor.shape { result.targets[index].resizeVocabulary(to: shape.dims[0]) }
    }
    return result
  }
}
