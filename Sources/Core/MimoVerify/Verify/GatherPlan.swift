import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// How to read a stored checkpoint in the order of the Hugging Face tensors, its values as they are stored.
struct GatherPlan: Sendable {
  let plan: ConversionPlan
  /// The same mapping with its kernels.
  let mapped: ModelDescription

  /// - Parameter catalog: parallel to the description's targets.
  init(_ description: ModelDescription, _ catalog: StoredCatalog) throws(MimoError) {
    mapped = description
    var plain = description
    for target in plain.targets.indices {
      for fragment in plain.targets[target].fragments.indices { plain.targets[target].fragments[fragment].kernel = nil }
    }
    plan = try ConversionPlan(
      .storedToWhole, description: plain, whole: GatherPlan.tensors(of: plain, catalog), wholeFiles: [], stored: catalog)
  }

  /// Each source in the dtype that its parts are stored in: F32, which holds all others, where they are not of one.
  private static func tensors(of description: ModelDescription, _ catalog: StoredCatalog) -> [WholeTensor] {
    var dtypes = [DType?](repeating: nil, count: description.sources.count)
    for (target, stored) in zip(description.targets, catalog.targets) {
      for source in target.fragments.lazy.compactMap(\.source) where dtypes[source] != stored.dtype {
        dtypes[source] = dtypes[source] == nil ? stored.dtype : .f32
      }
    }
    return description.sources.enumerated().map { index, source in
      // The position only decides the order of reading.
      WholeTensor(
        name: source.name, dtype: dtypes[index] ?? .bf16, shape: source.shape, file: 0, offset: UInt64(index))
    }
  }

  /// What the import decoded codes and scales to; bf16 where there are none.
  var decodedDType: DType {
    zip(mapped.sources, plan.whole).first { $0.0.encoding != nil }?.1.dtype ?? .bf16
  }

  /// The kernels that a source's elements go through on import.
  func kernels(of source: Int) -> Set<ElementKernel> {
    Set(plan.uses[source].lazy.compactMap { mapped.targets[$0.target].fragments[$0.fragment].kernel })
  }
}
