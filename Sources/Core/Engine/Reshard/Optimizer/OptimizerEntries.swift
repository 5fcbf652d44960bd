import MimoFormats
import MimoPlan
import MimoSystem

/// What an fsdp_dtensor checkpoint has of its optimizer beside tensors that parameters have the shape of: to which group
/// each parameter belongs, steps, and the scheduler. They are by name, so they hold in every layout as they are.
///
/// Source: Megatron-LM `load_checkpoint`, which asks for all of them.
struct OptimizerEntries {
  let entries: [DistOutput.Entry]

  var keys: Set<String> { Set(entries.map(\.key)) }

  /// nil when the optimizer's state does not come along.
  init?(of stored: StoredCheckpoint) throws(MimoError) {
    guard !stored.optimizer.kinds.isEmpty, let checkpoint = stored.dist else { return nil }
    let sources = try checkpoint.files.indices.map { file throws(MimoError) in try checkpoint.source(file) }
    // The groups of all parameters are a few: bytes that are the same are kept once.
    var items: Set<[UInt8]> = []
    func item(_ file: Int, _ offset: UInt64, _ length: UInt64) throws(MimoError) -> [UInt8] {
      items.insert(try sources[file].bytes(at: offset, count: Int(length))).memberAfterInsert
    }
    var entries: [DistOutput.Entry] = []
    for object in checkpoint.objects where OptimizerEntries.travels(object.key) {
      entries.append(.init(object.key, item: try item(object.file, object.offset, object.length)))
    }
    for tensor in checkpoint.tensors where tensor.shape.rank == 0 && OptimizerEntries.travels(tensor.key) {
      guard let chunk = tensor.chunks.first else { continue }
      entries.append(
        .init(tensor.key, item: try item(chunk.file, chunk.offset, chunk.length), scalar: tensor.dtype))
    }
    self.entries = entries
  }

  private static func travels(_ key: String) -> Bool {
    key.hasPrefix("optimizer.") || key.hasPrefix("opt_param_scheduler.") || key == "num_floating_point_operations_so_far"
  }
}
