import MimoContainers
import MimoMapping
import MimoParallel
import MimoSystem

/// The tensor parallel sizes of the run that wrote a checkpoint, where it says them; 1 where it does not.
struct TrainerSizes {
  private(set) var tp = 1
  private(set) var etp = 1
  private let path: String

  /// Looks at the trainer's arguments (Megatron-LM), else at its run_config.yaml (Megatron-Bridge).
  init(_ checkpoint: DistCheckpoint) throws(MimoError) {
    path = checkpoint.path
    let names = (tp: "tensor_model_parallel_size", etp: "expert_tensor_parallel_size")
    if let object = checkpoint[object: "args"] {
      let arguments = try checkpoint.read(object).value
      tp = arguments[names.tp]?.intValue.map { Int($0) } ?? 1
      etp = arguments[names.etp]?.intValue.map { Int($0) } ?? tp
      return
    }
    let file = FileSystem.join(path, "run_config.yaml")
    guard try FileSystem.exists(file) else { return }
    let text = String(decoding: try FileSystem.readSmallFile(file, limit: 16 << 20), as: UTF8.self)
    var model: [Substring: Int] = [:]
    var isInModel = false
    for line in text.split(separator: "\n") {
      if line.first != " " { isInModel = line == "model:" }
      let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
      if isInModel, words.count == 2, line.prefix(while: { $0 == " " }).count == 2 { model[words[0]] = Int(words[1]) }
    }
    tp = model[names.tp[...]] ?? 1
    etp = model[names.etp[...]] ?? tp
  }

  /// Parts of a parameter under one key have an order that depends on the size that they were cut with.
  func checkOrder(of source: DistSource) throws(MimoError) {
    for index in source.jointTargets {
      let target = source.description.targets[index]
      let (axis, size) = target.expert == nil ? ("tp", tp) : ("etp", etp)
      guard size > 1, target.placement.splitDim == 0 else { continue }
      throw MimoError(
        .unsupported, "was saved with \(axis)=\(size), its \(target.placement.segments.count) parts rank by rank under one key",
        path: path, tensor: target.globalName,
        remedy: "Load it with its trainer, and save it with \(axis)=1 or as torch_dist")
    }
  }
}
