import MimoCheckpoints
import MimoChecksum
import MimoContainers
import MimoJSON
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

/// Writes a made-up checkpoint: a Hugging Face folder that appears whole or not at all, with a report as conversions have.
package struct SynthRun: Sendable {
  let plan: SynthPlan
  let request: SynthRequest

  package init(_ plan: SynthPlan, request: SynthRequest) {
    self.plan = plan
    self.request = request
  }

  package func run(progress: @escaping ProgressHandler) throws(MimoError) {
    let start = MonotonicClock.seconds()
    try OutputPlace(request).check()
    try request.budget.check(over: plan.output.whole, request.resources)
    let bytes = plan.output.files.reduce(0) { $0 + $1.size }
    try OutputFolder.checkSpace(bytes + 1 << 20, for: request.output)
    var modes = OutputModes.unlimited
    modes.file = try OutputModes(of: [plan.config.path]).file
    let stage = try WorkFolder(for: request.output, modes: modes, isTrusted: request.trustsWorkFolder)
    guard try !stage.hasRecords() else {
      throw MimoError(
        .usage, "holds the work of a conversion that was stopped", path: stage.path,
        remedy: "Finish that, choose another OUT, or remove it (mimo-host clean)")
    }
    do throws(MimoError) {
      try stage.reset()
      try write(into: stage.result, since: start, progress: progress)
      try Interruption.check()
      try OutputPlace(request).checkAgain()
      try stage.publish(replacing: request.overwrite)
    } catch {
      // Nothing of it can go on. A destination that was replaced and could not be removed is the user's to look at.
      if (try? stage.hasAside()) == false { try? stage.remove() }
      throw error
    }
  }

  private func write(
    into folder: String, since start: Double, progress: @escaping ProgressHandler
  ) throws(MimoError) {
    let files = try ChunkFiles.create(plan.output.files, in: folder)
    for (file, head) in zip(files, plan.output.heads) { try file.write(head, at: 0) }
    let digests = try writeTensors(files, progress: progress)
    try OutputFolder.writeIndex(plan.output.index, in: folder)
    try writeConfig(to: FileSystem.join(folder, "config.json"))
    _ = try HuggingFaceFolder.open(folder)
    try writeReport(digests, since: start, in: folder)
  }

  /// As it is, but for a dtype that is not its own.
  private func writeConfig(to path: String) throws(MimoError) {
    let overrides = plan.config.saying(request.dtype)
    guard !overrides.isEmpty else {
      _ = try FileSystem.copyFile(plan.config.path, to: path)
      return
    }
    let text = JSONWriter.write(plan.config.applying(overrides), .indented(2)) + [UInt8(ascii: "\n")]
    try FileSystem.writeSmallFile(path, text)
  }

  /// What --overwrite and conversions from the folder hold it to.
  private func writeReport(_ digests: [UInt64], since start: Double, in folder: String) throws(MimoError) {
    let bytes = plan.output.files.reduce(0) { $0 + $1.size }
    var report = ConversionReport(
      hostVersion: request.hostVersion, command: request.command, plugin: (plan.plugin.family, plan.plugin.version),
      source: .init(path: request.config, format: "config", bytes: 0),
      output: .init(path: request.output, format: "hf", bytes: bytes), layout: .null, planHash: 0)
    report.notes = [Note(.remark, "values are made up, from seed \(request.seed)")]
    report.sources = zip(plan.output.whole, digests).map { tensor, digest in
      .init(name: tensor.name, dtype: tensor.dtype.rawValue, shape: Array(tensor.shape.dims), digest: digest)
    }
    report.bytesWritten = plan.tensorBytes
    var known: [String: FileDigest] = [:]
    for (file, digest) in zip(plan.output.files, plan.output.digests(digests)) { known[file.path] = digest }
    report.files = try ReportedFile.all(in: folder, known: known)
    report.seconds = MonotonicClock.seconds() - start
    try report.write(into: folder)
  }

  /// Returns the CRC-64 of each tensor.
  private func writeTensors(_ files: [File], progress: @escaping ProgressHandler) throws(MimoError) -> [UInt64] {
    let tensors = plan.output.whole
    let units = SynthRun.units(of: tensors, windowBytes: request.resources.windowBytes)
    let queue = WorkQueue(count: units.count)
    let seed = request.seed
    let sums = Sums(count: tensors.count)
    try Workers.run(count: min(request.resources.jobs, max(1, units.count))) { worker throws(MimoError) in
      var buffer = ByteBuffer()
      while !worker.isCancelled, let index = queue.next() {
        try Interruption.check()
        let unit = units[index]
        let tensor = tensors[unit.tensor]
        guard let values = SyntheticValues(seed: seed, tensor: tensor.name, dtype: tensor.dtype) else {
          throw MimoError(.internalError, "no values for \(tensor.dtype.rawValue)", tensor: tensor.name)
        }
        let width = tensor.dtype.byteWidth ?? 1
        let start = unit.elements.lowerBound * width
        let bytes = try buffer.reserve(unit.elements.count * width)
        values.fill(bytes, at: start)
        try files[tensor.file].write(UnsafeRawBufferPointer(bytes), at: tensor.offset + UInt64(start))
        let raw = mimo_crc64_raw(0, bytes.baseAddress, bytes.count)
        sums.add(mimo_crc64_shift(raw, UInt64(tensor.byteCount - start - bytes.count)), to: unit.tensor)
        progress(bytes.count, tensor.name)
      }
    }
    return zip(sums.all, tensors).map { mimo_crc64_finish($0, UInt64($1.byteCount)) }
  }

  /// Raw CRC-64 of each tensor, to which all workers add.
  private final class Sums: Sendable {
    private let raw: Mutex<[UInt64]>
    init(count: Int) { raw = Mutex(Array(repeating: 0, count: count)) }
    func add(_ share: UInt64, to tensor: Int) { raw.withLock { $0[tensor] ^= share } }
    var all: [UInt64] { raw.withLock { $0 } }
  }

  /// Elements that are a whole number of the generator's words in any dtype.
  private static let wholeWords = 1 << 10

  /// Windows that fit the processor's cache and begin on a whole word of the generator.
  private static func units(of tensors: [WholeTensor], windowBytes: Int) -> [WorkUnit] {
    tensors.indices.flatMap { tensor in
      let count = tensors[tensor].elementCount
      let fitting = windowBytes / max(1, tensors[tensor].dtype.byteWidth ?? 1)
      let step = min(1 << 20, max(wholeWords, fitting / wholeWords * wholeWords))
      return stride(from: 0, to: count, by: step).map { start in
        WorkUnit(tensor: tensor, elements: start..<min(start + step, count))
      }
    }
  }
}
