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
          name: name, dtype: target.dtype,
          shape: try ConversionPlan.common(input.targets[index], output.targets[index], name: name),
          file: first?.file ?? 0, offset: first?.offset ?? 0))
    }
    let reading = try ConversionPlan(
      .storedToWhole, description: input.asItself(whole), whole: whole, wholeFiles: [], stored: source)
    try self.init(
      .storedToStored, description: output.asItself(whole), whole: whole, wholeFiles: [], stored: stored,
      gathering: [reading])
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

extension ModelDescription {
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
