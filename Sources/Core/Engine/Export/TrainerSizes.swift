import MimoFormats
import MimoSystem

/// The tensor parallel sizes of the run that wrote a checkpoint, where it says them; 1 where it does not.
struct TrainerSizes {
  private(set) var tp = 1
  private(set) var etp = 1

  /// Looks at the trainer's arguments (Megatron-LM), else at its run_config.yaml (Megatron-Bridge).
  init(_ checkpoint: DistCheckpoint) throws(MimoError) {
    let names = (tp: "tensor_model_parallel_size", etp: "expert_tensor_parallel_size")
    if let object = checkpoint[object: "args"] {
      let arguments = try checkpoint.read(object).value
      tp = arguments[names.tp]?.intValue.map { Int($0) } ?? 1
      etp = arguments[names.etp]?.intValue.map { Int($0) } ?? tp
      return
    }
    let path = FileSystem.join(checkpoint.path, "run_config.yaml")
    guard try FileSystem.exists(path) else { return }
    let text = String(decoding: try FileSystem.readSmallFile(path, limit: 16 << 20), as: UTF8.self)
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
}
