import Glibc
import MimoSystem

/// What a run may take of memory: buffers, which are bounded, and its plan, which grows with the model and its layout.
package struct MemoryBudget: Sendable {
  /// Bytes of both together, as the user bounds them; nil for what the machine has.
  package var total: Int?
  /// A plan that is only shown takes no buffers.
  package var isForShow = false

  package init() {}

  /// Throws where a plan, or its buffers of so many bytes, do not fit.
  package func check(_ plan: PlanMemory, buffers: Int, jobs: Int) throws(MimoError) {
    let both = "the plan takes about \(mebibytes(plan.bytes)) of memory and buffers \(mebibytes(buffers))"
    if let total, plan.bytes + buffers > total {
      throw MimoError(
        .usage, "\(both), but --memory-total allows \(mebibytes(total))", remedy: MemoryBudget.remedy)
    }
    let growth = plan.planning + (isForShow ? 0 : plan.running + buffers)
    // The proof of a plan runs on two threads.
    let threads = isForShow ? 2 : max(2, jobs)
    for limit in MemoryLimit.all() {
      let needed = MemoryBudget.taken(growth, threads, of: limit.kind)
      guard limit.free < needed else { continue }
      throw MimoError(
        .system,
        "\(both): \(mebibytes(needed)) more than now are needed, but \(limit.name) leaves \(mebibytes(limit.free))",
        remedy: MemoryBudget.remedy, errno: ENOMEM)
    }
  }

  /// Throws where the buffers of a run over these tensors do not fit; what it needs beside them is there already.
  package func check(over tensors: [WholeTensor], _ resources: Resources) throws(MimoError) {
    let units = WorkUnit.count(of: tensors, windowBytes: resources.windowBytes)
    try check(
      PlanMemory(units: units), buffers: resources.bufferBytes(for: tensors), jobs: min(resources.jobs, units))
  }

  /// What growing by so many bytes takes of a limit.
  private static func taken(_ growth: Int, _ threads: Int, of kind: MemoryLimit.Kind) -> Int {
    switch kind {
    case .used: growth
    // Blocks that are given back leave gaps.
    case .addresses: growth + growth / 4 + threads * Workers.addressesOfThread + MemoryLimit.spareAddresses
    }
  }

  private static let remedy =
    "Use less --memory or fewer --jobs; a layout of fewer ranks has a smaller plan, or take a machine with more memory"

  private func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
