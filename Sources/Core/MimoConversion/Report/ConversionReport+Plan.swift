import MimoCheckpoints
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

extension ConversionReport {
  /// Takes over the tensors of a plan and what moving them showed.
  ///
  /// - Parameter written: where the targets' chunks were written; nil when they were read.
  mutating func add(_ plan: ConversionPlan, names: [String], result: MoveResult, written: WrittenWeights? = nil) {
    digestsAreOfParameters = plan.direction == .storedToStored
    for (index, tensor) in plan.whole.enumerated() {
      for (part, stored) in tensor.stored.enumerated() {
        let digest = part == 0 ? result.wholeDigests[index] : result.scaleDigests[index]
        sources.append(
          Source(
            name: stored.name, dtype: stored.dtype.rawValue, shape: Array(stored.shape.dims), digest: digest ?? 0))
      }
      if let change = plan.dtypeChange(of: index) {
        dtypeChanges.append(DTypeChange(tensor: change.tensor, from: change.from.rawValue, to: change.to.rawValue))
      }
      guard let lost = result.lost[index], lost > 0 else { continue }
      losses.append(Loss(tensor: tensor.name, elements: lost, of: tensor.elementCount, cause: plan.cause(ofLoss: index)))
    }
    for (index, target) in plan.description.targets.enumerated() {
      var made: [String] = []
      for fragment in target.fragments {
        guard let source = fragment.source else { continue }
        for name in plan.whole[source].stored.map(\.name) where made.last != name && !made.contains(name) {
          made.append(name)
        }
      }
      targets.append(
        Target(
          name: names[index], dtype: plan.stored.targets[index].dtype.rawValue, shape: Array(target.shape.dims),
          sources: made, chunks: written == nil ? 0..<0 : plan.stored.targets[index].chunks))
    }
    if let written {
      chunks = Chunks(catalog: plan.stored, paths: plan.stored.files.map(written.path), digests: result.chunkDigests)
    }
    bytesRead = result.bytesRead
    bytesWritten = result.bytesWritten
  }
}

extension ConversionPlan {
  /// What is decoded, a line a form.
  var decodedNotes: [Note] {
    var counts: [String: (tensors: Int, dtype: String)] = [:]
    for tensor in whole {
      guard case .encoded(let form, _, _) = tensor.storage else { continue }
      counts[form.name, default: (0, tensor.dtype.rawValue)].tensors += 1
    }
    return counts.sorted { $0.key < $1.key }.map { form, count in
      Note(.weights, "\(counted(count.tensors, "tensor")) decoded from \(form) codes and scales to \(count.dtype)")
    }
  }
}
