import MimoCheckpoints
import MimoContainers
import MimoSystem
import MimoTensor

/// What an fsdp_dtensor checkpoint has of its optimizer beside tensors that parameters have the shape of: to which group
/// each parameter belongs, steps, and the scheduler. They are by name, so they hold in every layout as they are.
///
/// Source: Megatron-LM `load_checkpoint`, which asks for all of them.
struct OptimizerEntries {
  private(set) var entries: [DistOutput.Entry] = []
  /// Entries that are no data, and what they name.
  private(set) var foreign: [(key: String, part: String)] = []

  /// nil when the optimizer's state does not come along.
  init?(of stored: StoredCheckpoint) throws(MimoError) {
    guard !stored.optimizer.kinds.isEmpty, let checkpoint = stored.dist else { return nil }
    let reader = try DataItemReader(checkpoint)
    for object in checkpoint.objects where OptimizerEntries.travels(object.key) {
      switch try reader.item(of: object) {
      case .data(let item): entries.append(.init(object.key, item: item))
      case .foreign(let part): foreign.append((object.key, part))
      }
    }
    for tensor in checkpoint.tensors where tensor.shape.rank == 0 && OptimizerEntries.travels(tensor.key) {
      guard let item = try reader.item(of: tensor) else { continue }
      entries.append(.init(tensor.key, item: item, scalar: tensor.dtype))
    }
  }

  /// Why the optimizer can not go on from these: one of its own entries is no data.
  var obstacle: OptimizerObstacle? {
    foreign.first { $0.key.hasPrefix(OptimizerEntries.optimizer) }
      .map { OptimizerObstacle("\($0.key) \(PickleData.reason($0.part))") }
  }

  private static let optimizer = "optimizer."

  private static func travels(_ key: String) -> Bool {
    key.hasPrefix(optimizer) || key.hasPrefix("opt_param_scheduler.") || key == "num_floating_point_operations_so_far"
  }
}

/// Makes items for OUT from those of a checkpoint: what is in them, written anew, so that nothing else is in them.
private final class DataItemReader {
  enum Item {
    case data([UInt8])
    /// Names something that is no data.
    case foreign(String)
  }

  private let checkpoint: DistCheckpoint
  private let sources: [PosixByteSource]
  /// The groups of all parameters are a few: items with the same bytes are taken apart once, and kept once.
  private var items: [[UInt8]: Item] = [:]

  init(_ checkpoint: DistCheckpoint) throws(MimoError) {
    self.checkpoint = checkpoint
    sources = try checkpoint.files.indices.map { file throws(MimoError) in try checkpoint.source(file) }
  }

  func item(of object: DistObject) throws(MimoError) -> Item {
    let source = sources[object.file]
    let bytes = try source.bytes(at: object.offset, count: Int(object.length))
    if let known = items[bytes] { return known }
    let read = try checkpoint.read(object)
    let storages = try read.storages(in: source)
    let item = read.value.foreignPart(storageCount: storages.count).map(Item.foreign)
      ?? .data(TorchZipItem.object(read.value, storages: storages))
    items[bytes] = item
    return item
  }

  /// nil for a tensor that has no elements anywhere.
  func item(of tensor: DistTensor) throws(MimoError) -> [UInt8]? {
    guard let chunk = tensor.chunks.first, let width = tensor.dtype.byteWidth else { return nil }
    let source = sources[chunk.file]
    let bytes = try source.bytes(at: chunk.offset, count: Int(chunk.length))
    if case .data(let known)? = items[bytes] { return known }
    let stored = try checkpoint.payload(of: chunk, of: tensor, in: source)
    let item = TorchZipItem.object(
      try .tensor(dtype: tensor.dtype, dims: [], storage: 0),
      storages: [try source.bytes(at: stored.offset, count: width)])
    items[bytes] = .data(item)
    return item
  }
}
