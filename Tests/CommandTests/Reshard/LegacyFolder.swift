import Foundation
import MimoContainers
import MimoTensor

/// Writes checkpoints in Megatron's old format out of `ranks` folders: the same names, in torch.save files.
struct LegacyFolder {
  let ranks: String
  /// Stages of the ranks' pipeline that one file holds: more than one make it interleaved.
  var interleaved = 1
  var version = 3.0
  /// Changes a rank's module before it is written.
  var change: (inout [PicklePair]) -> Void = { _ in }

  /// Writes `root/iter_0000010` and its tracker.
  func write(to root: String) throws {
    let layout = try readJSON("\(ranks)/layout.json")
    let sizes = layout["layout"] as? [String: Int] ?? [:]
    let places = layout["ranks"] as? [[String: Int]] ?? []
    let stages = (sizes["pp"] ?? 1) / interleaved
    var written: Set<String> = []
    for place in places where (place["pp"] ?? 0) < stages {
      let (tp, pp, ep) = (place["tp"] ?? 0, place["pp"] ?? 0, place["ep"] ?? 0)
      var name = String(format: "mp_rank_%02d", tp)
      if stages > 1 { name += String(format: "_%03d", pp) }
      if (sizes["ep"] ?? 1) > 1 { name += String(format: "_%03d", ep) }
      guard written.insert(name).inserted else { continue }
      let holders = (0..<interleaved).compactMap { turn in
        places.first { $0["tp"] == tp && $0["ep"] == ep && $0["pp"] == turn * stages + pp }?["rank"]
      }
      let folder = "\(root)/iter_0000010/\(name)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(try file(holders, sizes, pp: stages))
        .write(to: URL(filePath: "\(folder)/model_optim_rng.pt"))
    }
    try Data("10".utf8).write(to: URL(filePath: "\(root)/latest_checkpointed_iteration.txt"))
  }

  private func file(_ holders: [Int], _ sizes: [String: Int], pp: Int) throws -> [UInt8] {
    var storages: [[UInt8]] = []
    var entries: [PicklePair] = [
      PicklePair(
        .string("args"),
        .object(
          PickleObject(
            .new, PickleGlobal("argparse", "Namespace"),
            state: .record([
              "tensor_model_parallel_size": .int(Int64(sizes["tp"] ?? 1)), "pipeline_model_parallel_size": .int(Int64(pp)),
              "expert_tensor_parallel_size": .int(Int64(sizes["etp"] ?? 1)),
            ])))),
      PicklePair(.string("checkpoint_version"), .float(version)), PicklePair(.string("iteration"), .int(10)),
    ]
    for (turn, rank) in holders.enumerated() {
      let name = String(format: "%@/rank-%04d.safetensors", ranks, rank)
      var module = try tensors(try TensorFact.safeTensors(name), &storages)
      change(&module)
      let state = PickleObject(.call, PickleGlobal("collections", "OrderedDict"), dictItems: module)
      entries.append(PicklePair(.string(holders.count > 1 ? "model\(turn)" : "model"), .object(state)))
    }
    entries.append(PicklePair(.string("optimizer"), .record(["state": .none])))
    return TorchZipItem.object(.dict(entries), storages: storages, root: "model_optim_rng")
  }

  /// Two tensors at a time are views of one storage.
  private func tensors(_ facts: TensorFacts, _ storages: inout [[UInt8]]) throws -> [PicklePair] {
    var pairs: [PicklePair] = []
    var widths: [Int] = []
    var used: [String: Int] = [:]
    for (name, fact) in facts.sorted(by: { $0.key < $1.key }) {
      guard case .bytes(let bytes) = fact.content, let dtype = DType(rawValue: fact.dtype),
        let dims = DimVector(exactly: fact.shape), let width = dtype.byteWidth
      else { throw CocoaError(.fileReadCorruptFile) }
      if used[fact.dtype] == nil {
        storages.append([])
        used[fact.dtype] = storages.count - 1
      }
      let storage = used[fact.dtype] ?? 0
      let start = storages[storage].count / width
      storages[storage] += bytes
      pairs.append(PicklePair(.string(name), try view(dtype, dims, storage, from: start)))
      widths.append(width)
      if start > 0 { used[fact.dtype] = nil }
    }
    return zip(pairs, widths).flatMap { pair, width in
      [
        PicklePair(pair.key, sized(pair.value, storages, width: width)),
        PicklePair(.string((pair.key.stringValue ?? "") + "._extra_state"), .none),
      ]
    }
  }

  private func view(_ dtype: DType, _ dims: DimVector, _ storage: Int, from start: Int) throws -> PickleValue {
    guard case .object(var call) = try PickleValue.tensor(dtype: dtype, dims: dims, storage: storage) else { return .none }
    call.arguments[1] = .int(Int64(start))
    return .object(call)
  }

  /// The size of the storage is known once all of its views are in it.
  private func sized(_ value: PickleValue, _ storages: [[UInt8]], width: Int) -> PickleValue {
    guard case .object(var call) = value, case .persistentID(.tuple(var id)) = call.arguments[0],
      let number = id[2].stringValue.flatMap({ Int($0) })
    else { return value }
    id[4] = .int(Int64(storages[number].count / width))
    call.arguments[0] = .persistentID(.tuple(id))
    return .object(call)
  }
}
