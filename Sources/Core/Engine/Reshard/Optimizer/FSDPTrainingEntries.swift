import MimoFormats
import MimoPlan
import MimoSystem

/// What an `fsdp_dtensor` checkpoint tells of its optimizer and scheduler in small entries, as data.
struct FSDPTrainingEntries {
  /// Settings of each parameter's group, by the parameter's name without the `module.` of wrappers; by name.
  private(set) var groups: [String: [PicklePair]] = [:]
  /// Of all parameters that have one of their own.
  private(set) var steps: Set<PickleValue> = []
  private(set) var scheduler: [PicklePair] = []
  private(set) var floatingPointOperations: PickleValue?
  /// An entry that holds a tensor which is no number.
  private(set) var unreadable: String?

  static let groupPrefix = "optimizer.param_to_group_meta."
  static let schedulerPrefix = "opt_param_scheduler."
  static let operationsKey = "num_floating_point_operations_so_far"
  static let stepEnding = ".step"

  init(of checkpoint: DistCheckpoint) throws(MimoError) {
    // The groups of all parameters are a few: bytes that are the same are read as data once.
    var known: [[UInt8]: PickleValue] = [:]
    func value(_ object: DistObject) throws(MimoError) -> PickleValue? {
      let source = try checkpoint.source(object.file)
      let bytes = try source.bytes(at: object.offset, count: Int(object.length))
      if let value = known[bytes] { return value }
      let read = try checkpoint.read(object)
      let value = read.value.withNumbers(from: try read.storages(in: source))
      known[bytes] = value
      return value
    }
    for object in checkpoint.objects.sorted(by: { $0.key < $1.key }) where FSDPTrainingEntries.tells(object.key) {
      guard let value = try value(object) else {
        unreadable = object.key
        continue
      }
      add(object.key, value)
    }
    for tensor in checkpoint.tensors where FSDPTrainingEntries.isStep(tensor) {
      steps.insert(try FSDPTrainingEntries.number(tensor, in: checkpoint))
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

  private static func number(_ tensor: DistTensor, in checkpoint: DistCheckpoint) throws(MimoError) -> PickleValue {
    guard let chunk = tensor.chunks.first, let width = tensor.dtype.byteWidth else { return .none }
    let source = try checkpoint.source(chunk.file)
    let stored = try TorchZipReader.tensor(
      in: source, offset: chunk.offset, length: chunk.length, dtype: tensor.dtype, dims: [])
    let value = PickleValue(littleEndian: try source.bytes(at: stored.offset, count: width), as: tensor.dtype)
    return value?.wholeNumber ?? .none
  }
}

extension PickleValue {
  /// An integer for a float that is one: torch's Adam counts its steps in floats.
  var wholeNumber: PickleValue {
    if case .float(let value) = self, let count = Int64(exactly: value) { .int(count) } else { self }
  }
}
