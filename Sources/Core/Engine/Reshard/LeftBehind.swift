import MimoContainers
import MimoTensor

/// State of a training that has no place in another layout, and why.
struct LeftBehind {
  let key: String
  /// Why the optimizer's state does not come along; nil where nothing stands in its way.
  let obstacle: OptimizerObstacle?
  /// What it names that is no data.
  var foreignPart: String?

  private var reason: String {
    if let foreignPart { return PickleData.reason(foreignPart) }
    if key.contains("rng_state") { return "random state belongs to the ranks of the former layout" }
    if key.contains("optimizer.distributed.") || key.contains(".gbuf_idx_") {
      return "the optimizer's state lies in buckets of the former data parallel ranks"
    }
    if key == "optimizer" || key.hasSuffix(".pt") { return "the legacy format keeps the optimizer's state without names" }
    if key.contains("optimizer") { return obstacle?.reason ?? "the optimizer's state was left behind" }
    return "state of the training was left behind"
  }

  /// As an entry of a report.
  func omission(in checkpoint: DistCheckpoint?) -> Omission {
    let tensor = checkpoint?[tensor: key]
    let bytes = tensor.map { $0.dtype.byteCount(elements: $0.shape.elementCount ?? 0) ?? 0 }
    let object = checkpoint?[object: key].map { Int(clamping: $0.length) }
    return Omission(name: key, bytes: bytes ?? object ?? 0, reason: reason)
  }
}

extension StoredCheckpoint {
  /// A module's state without FP8 is nothing or an empty tensor in an item of some kilobyte.
  private static let largestEmptyState = 4096

  /// What the user should know of modules' state that an output does not take over.
  var extraStateNotes: [Note] {
    let filled = dist?.objects.lazy.filter { object in
      object.key.contains("_extra_state/") && object.length > StoredCheckpoint.largestEmptyState
    }.count ?? 0
    return filled == 0 ? [] : ["\(filled) _extra_state entries hold something (FP8 scales); OUT has empty ones"]
  }
}
