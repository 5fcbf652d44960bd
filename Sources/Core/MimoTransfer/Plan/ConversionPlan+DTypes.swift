import MimoTensor

extension ConversionPlan {
  /// What becomes of the dtype of a whole tensor's elements; nil where it stays. Of codes and scales, that of the codes.
  package func dtypeChange(of index: Int) -> (tensor: String, from: DType, to: DType)? {
    let tensor = whole[index]
    if case .encoded(_, let codes, _) = tensor.storage {
      return uses[index].first.map { (codes.name, codes.dtype, stored.targets[$0.target].dtype) }
    }
    // Published values get the output's dtype as they are read.
    let own = gathering.first?.stored.targets[index].dtype ?? tensor.dtype
    guard let other = uses[index].lazy.map({ stored.targets[$0.target].dtype }).first(where: { $0 != own }) else { return nil }
    return direction == .storedToWhole ? (tensor.name, other, own) : (tensor.name, own, other)
  }
}
