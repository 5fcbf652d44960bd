import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

/// Compares the tensors that two checkpoints have in common: streaming, on all workers, in bounded memory.
struct Comparison: Sendable {
  /// A tensor of both sides, of one shape.
  struct Pair: Sendable {
    var name: String
    var shape: GlobalShape
    /// Its number on each side.
    var a: Int
    var b: Int
    /// In which file and where it begins on the side that is read in order.
    var order: (file: Int, offset: UInt64)
  }

  let a: ComparedSide
  let b: ComparedSide
  let pairs: [Pair]

  /// What one tensor's windows showed.
  private struct Finding {
    var count = 0
    var first = Int.max
    var texts = (a: "", b: "")

    mutating func merge(_ other: Finding) {
      count += other.count
      if other.first < first { (first, texts) = (other.first, other.texts) }
    }
  }

  /// The tensors that differ, in the order of `pairs`.
  func run(
    _ resources: Resources, _ budget: MemoryBudget, progress: @escaping ProgressHandler
  ) throws(MimoError) -> [VerifyReport.Tensor] {
    try budget.check(over: tensors, resources)
    let units = WorkUnit.all(of: tensors, windowBytes: resources.windowBytes)
    let queue = WorkQueue(count: units.count)
    let found = Findings()
    try Workers.run(count: min(resources.jobs, max(1, units.count))) { worker throws(MimoError) in
      var comparer = Comparer(self)
      while !worker.isCancelled, let index = queue.next() {
        try Interruption.check()
        try comparer.run(units[index])
        let pair = pairs[units[index].tensor]
        progress(units[index].elements.count * (a.dtype(of: pair.a).byteWidth ?? 1), pair.name)
      }
      let own = comparer.findings
      found.all.withLock { all in for (pair, finding) in own { all[pair, default: Finding()].merge(finding) } }
    }
    return differences(found.all.withLock { $0 })
  }

  private final class Findings: Sendable {
    let all = Mutex<[Int: Finding]>([:])
  }

  /// The pairs as tensors to cut into windows: units whose tensor is a number of a pair.
  private var tensors: [WholeTensor] {
    pairs.map { pair in
      let (own, other) = (a.dtype(of: pair.a), b.dtype(of: pair.b))
      let storage = a.storage(of: pair.a)
      return WholeTensor(
        name: pair.name, dtype: (own.byteWidth ?? 1) >= (other.byteWidth ?? 1) ? own : other, shape: pair.shape,
        file: pair.order.file, offset: pair.order.offset, storage: storage == .plain ? b.storage(of: pair.b) : storage)
    }
  }

  private func differences(_ findings: [Int: Finding]) -> [VerifyReport.Tensor] {
    pairs.indices.compactMap { index in
      let pair = pairs[index]
      if let finding = findings[index] {
        return VerifyReport.Tensor(
          name: pair.name,
          difference: .values(
            .init(
              count: finding.count, of: pair.shape.elementCount ?? 0,
              index: Comparison.index(finding.first, in: pair.shape), a: finding.texts.a, b: finding.texts.b)))
      }
      let (own, other) = (a.dtype(of: pair.a), b.dtype(of: pair.b))
      guard own != other else { return nil }
      return VerifyReport.Tensor(name: pair.name, difference: .dtype(a: own.rawValue, b: other.rawValue))
    }
  }

  private static func index(_ position: Int, in shape: GlobalShape) -> [Int] {
    let strides = rowMajorStrides(shape.dims)
    return shape.dims.indices.map { position / strides[$0] % max(shape.dims[$0], 1) }
  }

  /// One worker: reads the same window of both sides and looks for the first element that differs.
  private struct Comparer: ~Copyable {
    private let comparison: Comparison
    private var readerA: WindowReader
    private var readerB: WindowReader
    private var bufferA = ByteBuffer()
    private var bufferB = ByteBuffer()
    private var castA = ByteBuffer()
    private var castB = ByteBuffer()
    private(set) var findings: [Int: Finding] = [:]

    init(_ comparison: Comparison) {
      self.comparison = comparison
      readerA = WindowReader(comparison.a)
      readerB = WindowReader(comparison.b)
    }

    mutating func run(_ unit: WorkUnit) throws(MimoError) {
      let pair = comparison.pairs[unit.tensor]
      let (dtypeA, dtypeB) = (comparison.a.dtype(of: pair.a), comparison.b.dtype(of: pair.b))
      let count = unit.elements.count
      guard let widthA = dtypeA.byteWidth, let widthB = dtypeB.byteWidth else {
        guard dtypeA == dtypeB else { throw MimoError(.unsupported, "\(dtypeA.rawValue) against \(dtypeB.rawValue)", tensor: pair.name) }
        throw MimoError(.unsupported, "\(dtypeA.rawValue) can not be compared", tensor: pair.name)
      }
      var a = try bufferA.reserve(count * widthA)
      var b = try bufferB.reserve(count * widthB)
      do throws(MimoError) {
        try readerA.read(WorkUnit(tensor: pair.a, elements: unit.elements), into: a)
        try readerB.read(WorkUnit(tensor: pair.b, elements: unit.elements), into: b)
      } catch {
        throw error.at(tensor: pair.name)
      }
      var common = dtypeA
      if dtypeA != dtypeB {
        common = try Comparer.common(dtypeA, dtypeB, pair.name)
        a = try Comparer.cast(a, count, from: dtypeA, to: common, &castA)
        b = try Comparer.cast(b, count, from: dtypeB, to: common, &castB)
      }
      compare(a, b, common, unit)
    }

    private mutating func compare(
      _ a: UnsafeMutableRawBufferPointer, _ b: UnsafeMutableRawBufferPointer, _ dtype: DType, _ unit: WorkUnit
    ) {
      guard let first = a.baseAddress, let second = b.baseAddress, !memoryIsEqual(first, second, a.count) else { return }
      let width = dtype.byteWidth ?? 1
      var finding = Finding()
      for element in 0..<unit.elements.count {
        let (one, other) = (first + element * width, second + element * width)
        guard !memoryIsEqual(one, other, width) else { continue }
        if finding.count == 0 {
          finding.first = unit.elements.lowerBound + element
          finding.texts = ElementText.pair(one, other, dtype)
        }
        finding.count += 1
      }
      findings[unit.tensor, default: Finding()].merge(finding)
    }

    /// The dtype of the two that holds less, or one that holds both.
    private static func common(_ a: DType, _ b: DType, _ name: String) throws(MimoError) -> DType {
      switch (a, b) {
      case (.f32, .bf16), (.bf16, .f32): return .bf16
      case (.f32, .f16), (.f16, .f32): return .f16
      case (.bf16, .f16), (.f16, .bf16): return .f32
      default:
        throw MimoError(
          .unsupported, "\(a.rawValue) in one checkpoint and \(b.rawValue) in the other can not be compared", tensor: name)
      }
    }

    private static func cast(
      _ bytes: UnsafeMutableRawBufferPointer, _ count: Int, from: DType, to: DType, _ buffer: inout ByteBuffer
    ) throws(MimoError) -> UnsafeMutableRawBufferPointer {
      guard from != to, let converter = ElementConverter(left: from, right: to, kernel: nil) else { return bytes }
      let result = try buffer.reserve(count * (to.byteWidth ?? 1))
      guard let source = bytes.baseAddress, let target = result.baseAddress else { return bytes }
      _ = converter.convert(count, from: source, to: target)
      return result
    }
  }
}
