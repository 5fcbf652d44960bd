import MimoJSON
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension Ledger {
  package var json: JSONValue {
    .object([
      "plugin": .object(["family": .string(plugin.family), "version": .string(plugin.version)]),
      "source": .object(["path": .string(source.path), "format": .string(source.format)]),
      "output": .object(["format": .string(outputFormat)]),
      "layout": layout,
      "sources": .object([
        "tensors": .integer(sources.tensors), "parameters": .integer(sources.parameters),
        "bytes": .integer(sources.bytes),
      ]),
      "targets": .object([
        "tensors": .integer(targets.tensors), "chunks": .integer(targets.chunks), "bytes": .integer(targets.bytes),
      ]),
      "ranks": .array(ranks.map(Ledger.json)),
      "files": .array(files.map(Ledger.json)),
      "drops": .array(drops.map(Ledger.json)),
      "dtype_changes": .array(dtypeChanges.map(Ledger.json)),
      "kernels": .array(
        kernels.map {
          .object(["name": .string($0.name), "targets": .integer($0.targets), "lossy": .bool($0.isLossy)])
        }),
      "notes": .array(notes.map { .string($0.text) }),
      "plan_hash": .string(hex(planHash)),
      "plan_memory_bytes": .integer(memory.plan),
      "buffer_memory_bytes": .integer(memory.buffers),
      "peak_memory_bytes": .integer(memory.plan + memory.buffers),
    ])
  }

  private static func json(_ share: RankShare) -> JSONValue {
    .object([
      "component": .string(share.component), "stage": .integer(share.stage),
      "first_rank": .integer(share.ranks.lowerBound), "rank_count": .integer(share.ranks.count),
      "least_bytes": .integer(share.bytes.lowerBound), "most_bytes": .integer(share.bytes.upperBound),
      "least_tensors": .integer(share.tensors.lowerBound), "most_tensors": .integer(share.tensors.upperBound),
    ])
  }

  private static func json(_ file: File) -> JSONValue {
    .object(["path": .string(file.path), "bytes": .integer(Int(clamping: file.bytes))])
  }

  private static func json(_ drop: Drop) -> JSONValue {
    .object([
      "name": .string(drop.name), "reason": .string(drop.reason), "bytes": drop.bytes.map { .integer($0) } ?? .null,
    ])
  }

  private static func json(_ change: DTypeChange) -> JSONValue {
    .object([
      "tensor": .string(change.tensor), "from": .string(change.from.rawValue), "to": .string(change.to.rawValue),
    ])
  }
}
