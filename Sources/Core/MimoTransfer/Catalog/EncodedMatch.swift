import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor

/// The two stored tensors of one encoded source, held against what the plugin declared.
package struct EncodedMatch {
  let encoding: Encoding
  let source: SourceDeclaration
  let folder: HuggingFaceFolder

  package init(_ encoding: Encoding, _ source: SourceDeclaration, _ folder: HuggingFaceFolder) {
    self.encoding = encoding
    self.source = source
    self.folder = folder
  }

  /// nil when the folder holds neither; throws when one is missing, or has another shape or dtype.
  package func tensor(decoded dtype: DType) throws(MimoError) -> WholeTensor? {
    let codes = folder.tensor(encoding.codes)
    let scales = folder.tensor(encoding.scales)
    guard codes != nil || scales != nil else { return nil }
    guard let codes else {
      throw MimoError(
        .invalidInput, "holds scales, but the checkpoint has no codes for them: \(encoding.codes) is missing",
        path: folder.path, tensor: encoding.scales, remedy: "Check that all files were downloaded")
    }
    guard let scales else {
      throw MimoError(
        .invalidInput,
        "holds \(codes.dtype.rawValue) codes, which are no weights without their scales: \(encoding.scales) is missing",
        path: folder.path, tensor: encoding.codes, remedy: "Check that all files were downloaded")
    }
    let form = encoding.form
    try check(codes, [form.codesDType], form.codesShape(of: source.shape), "codes")
    try check(scales, form.scaleDTypes, form.scalesShape(of: source.shape), "scales")
    guard Decoder(form, shape: source.shape, to: dtype) != nil else {
      throw MimoError(
        .unsupported, "\(form.name) is not decoded to \(dtype.rawValue)", tensor: source.name,
        remedy: "Say --dtype bfloat16")
    }
    return WholeTensor(
      name: source.name, dtype: dtype, shape: source.shape, file: codes.file, offset: codes.range.lowerBound,
      storage: .encoded(form, codes: whole(codes), scales: whole(scales)))
  }

  private func whole(_ tensor: HuggingFaceFolder.Tensor) -> WholeTensor {
    WholeTensor(
      name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, file: tensor.file, offset: tensor.range.lowerBound)
  }

  private func check(
    _ tensor: HuggingFaceFolder.Tensor, _ dtypes: [DType], _ shape: GlobalShape, _ what: String
  ) throws(MimoError) {
    let path = folder.files[tensor.file].path
    guard dtypes.contains(tensor.dtype) else {
      throw MimoError(
        .invalidInput,
        "is \(tensor.dtype.rawValue); the \(what) of \(encoding.form.name) weights are "
          + dtypes.map(\.rawValue).joined(separator: " or "), path: path, tensor: tensor.name,
        remedy: "Check that codes, scales and config.json are of one checkpoint")
    }
    guard tensor.shape == shape else {
      throw MimoError(
        .invalidInput,
        "shape is \(tensor.shape), but the \(what) of \(encoding.form.name) weights \(source.shape) are \(shape)",
        path: path, tensor: tensor.name, remedy: "Check that codes, scales and config.json are of one checkpoint")
    }
  }
}
