import MimoCheckpoints
import MimoContainers
import MimoSystem
import MimoTensor

/// What an `fsdp_dtensor` checkpoint tells of its optimizer and scheduler in small entries, as data.
struct FSDPTrainingEntries {
  /// Settings of each parameter's group, by the parameter's name without the `module.` of wrappers; by name.
  private(set) var groups: [String: [PicklePair]] = [:]
  /// Of all parameters that have one of their own.
  private(set) var steps: Set<PickleValue> = []
  private(set) var scheduler: [PicklePair] = []
  private(set) var floatingPointOperations: PickleValue?
  /// An entry that is no number, word or small list of these.
  private(set) var unreadable: String?

  static let groupPrefix = "optimizer.param_to_group_meta."
  static let schedulerPrefix = "opt_param_scheduler."
  static let operationsKey = "num_floating_point_operations_so_far"
  static let stepEnding = ".step"

  init(of checkpoint: DistCheckpoint) throws(MimoError) {
    let reader = try EntryReader(checkpoint)
    for object in checkpoint.objects.sorted(by: { $0.key < $1.key }) where FSDPTrainingEntries.tells(object.key) {
      guard let value = try reader.value(of: object) else {
        unreadable = object.key
        continue
      }
      add(object.key, value)
    }
    for tensor in checkpoint.tensors where FSDPTrainingEntries.isStep(tensor) {
      steps.insert(try reader.number(in: tensor)?.wholeNumber ?? .none)
    }
  }

  /// Scheduler and operations so far of a common state, as entries.
  static func scheduling(in common: PickleValue) -> [DistOutput.Entry] {
    var entries: [DistOutput.Entry] = []
    if case .dict(let settings)? = common["opt_param_scheduler"] {
      for setting in settings {
        guard let name = setting.key.stringValue else { continue }
        entries.append(.init(schedulerPrefix + name, item: TorchZipItem.object(setting.value)))
      }
    }
    if let operations = common[operationsKey] {
      entries.append(.init(operationsKey, item: TorchZipItem.object(operations)))
    }
    return entries
  }

  /// Scheduler and operations so far as entries of a common state.
  var common: [PicklePair] {
    var pairs: [PicklePair] = []
    if !scheduler.isEmpty { pairs.append(PicklePair(.string("opt_param_scheduler"), .dict(scheduler))) }
    if let operations = floatingPointOperations {
      pairs.append(PicklePair(.string(FSDPTrainingEntries.operationsKey), operations))
    }
    return pairs
  }

  /// Whether a tensor is the step of one parameter.
  static func isStep(_ tensor: DistTensor) -> Bool {
    tensor.shape.rank == 0 && tensor.key.hasPrefix(OptimizerState.marker) && tensor.key.hasSuffix(stepEnding)
  }

  private mutating func add(_ key: String, _ value: PickleValue) {
    if key.hasPrefix(FSDPTrainingEntries.groupPrefix), let dot = key.lastIndex(of: ".") {
      let name = DistSource.unwrapped(String(key[..<dot].dropFirst(FSDPTrainingEntries.groupPrefix.count)))
      groups[name, default: []].append(PicklePair(.string(String(key[dot...].dropFirst())), value))
    } else if key.hasPrefix(FSDPTrainingEntries.schedulerPrefix) {
      let name = String(key.dropFirst(FSDPTrainingEntries.schedulerPrefix.count))
      scheduler.append(PicklePair(.string(name), value))
    } else {
      floatingPointOperations = value
    }
  }

  /// Whether an object is one of these.
  static func tells(_ key: String) -> Bool {
    key.hasPrefix(groupPrefix) || key.hasPrefix(schedulerPrefix) || key == operationsKey
  }
}

/// Reads small entries as data. Those of all parameters are a few: items with the same bytes are read as data once.
private final class EntryReader {
  private let checkpoint: DistCheckpoint
  private let sources: [PosixByteSource]
  private var values: [[UInt8]: PickleValue?] = [:]
  private var numbers: [[UInt8]: PickleValue?] = [:]

  init(_ checkpoint: DistCheckpoint) throws(MimoError) {
    self.checkpoint = checkpoint
    sources = try checkpoint.files.indices.map { file throws(MimoError) in try checkpoint.source(file) }
  }

  /// Settings are numbers and words: what is larger is something else.
  private static let limit: UInt64 = 1 << 20

  /// nil for one that is no small value: that holds a tensor which is no number.
  func value(of object: DistObject) throws(MimoError) -> PickleValue? {
    guard object.length <= EntryReader.limit else { return nil }
    let bytes = try sources[object.file].bytes(at: object.offset, count: Int(object.length))
    if let known = values[bytes] { return known }
    let read = try checkpoint.read(object)
    var value = read.value.withNumbers(from: try read.storages(in: sources[object.file]))
    if value?.foreignPart(storageCount: 0) != nil { value = nil }
    values[bytes] = .some(value)
    return value
  }

  /// What a tensor without dimensions holds; nil for a dtype that Python has no number for.
  func number(in tensor: DistTensor) throws(MimoError) -> PickleValue? {
    guard let chunk = tensor.chunks.first, let width = tensor.dtype.byteWidth, chunk.length <= EntryReader.limit
    else { return nil }
    let source = sources[chunk.file]
    let bytes = try source.bytes(at: chunk.offset, count: Int(chunk.length))
    if let known = numbers[bytes] { return known }
    let stored = try TorchZipReader.tensor(
      in: source, offset: chunk.offset, length: chunk.length, dtype: tensor.dtype, dims: [])
    let number = PickleValue(littleEndian: try source.bytes(at: stored.offset, count: width), as: tensor.dtype)
    numbers[bytes] = .some(number)
    return number
  }
}

extension PickleValue {
  /// An integer for a float that is one: torch's Adam counts its steps in floats.
  var wholeNumber: PickleValue {
    if case .float(let value) = self, let count = Int64(exactly: value) { .int(count) } else { self }
  }
}
