import MimoContainers
import MimoTensor
import MimoTransfer

/// State of a training that has no place in another layout, and why.
package struct LeftBehind {
  let key: String
  /// Why the optimizer's state does not come along; nil where nothing stands in its way.
  let obstacle: String?
  /// What it names that is no data.
  var foreignPart: String?

  package init(key: String, obstacle: String?, foreignPart: String? = nil) {
    self.key = key
    self.obstacle = obstacle
    self.foreignPart = foreignPart
  }

  private var reason: String {
    if let foreignPart { return PickleData.reason(foreignPart) }
    if key.contains("rng_state") { return "random state belongs to the ranks of the former layout" }
    if key.contains("optimizer.distributed.") || key.contains(".gbuf_idx_") {
      return "the optimizer's state lies in buckets of the former data parallel ranks"
    }
    if key == "optimizer" || key.hasSuffix(".pt") { return "the legacy format keeps the optimizer's state without names" }
    if key.contains("optimizer") { return obstacle ?? "the optimizer's state was left behind" }
    return "state of the training was left behind"
  }

  /// As an entry of a report.
  package func omission(in checkpoint: DistCheckpoint?) -> Omission {
    let tensor = checkpoint?[tensor: key]
    let bytes = tensor.map { $0.dtype.byteCount(elements: $0.shape.elementCount ?? 0) ?? 0 }
    let object = checkpoint?[object: key].map { Int(clamping: $0.length) }
    return Omission(name: key, bytes: bytes ?? object ?? 0, reason: reason)
  }
}
