import MimoMapping
import MimoSystem
import MimoTensor
import Synchronization

/// All that is known of a conversion before the first byte moves: both sides, and how they hang together.
///
/// One side holds whole tensors (a Hugging Face folder), the other stored chunks (any Megatron format). Both directions
/// use the same moves; only reading and writing change places. Between two Megatron formats the whole tensors are the
/// targets themselves, in no file: one plan gathers them, the other takes them apart.
package struct ConversionPlan: Sendable {
  package enum Direction: Sendable {
    case wholeToStored
    case storedToWhole
    case storedToStored
  }

  /// A fragment of a target that a whole tensor has a part in.
  package struct Use: Sendable, Hashable {
    package var target: Int
    package var fragment: Int
  }

  package let direction: Direction
  package let description: ModelDescription
  /// Parallel to the description's sources.
  package let whole: [WholeTensor]
  package let wholeFiles: [StoredFile]
  package let stored: StoredCatalog
  /// Per whole tensor, where its elements go.
  package let uses: [[Use]]
  /// How the whole tensors are gathered from the source's chunks: one plan on the way from stored to stored, else none.
  package let gathering: [ConversionPlan]
  /// A fingerprint of everything that decides the output.
  package private(set) var hash: UInt64 = 0

  /// Proves that every element has one place on each side; throws otherwise.
  package init(
    _ direction: Direction, description: ModelDescription, whole: [WholeTensor], wholeFiles: [StoredFile],
    stored: StoredCatalog, gathering: [ConversionPlan] = []
  ) throws(MimoError) {
    self.direction = direction
    self.gathering = gathering
    self.description = description
    self.whole = whole
    self.wholeFiles = wholeFiles
    self.stored = stored
    var uses = [[Use]](repeating: [], count: whole.count)
    for (index, target) in description.targets.enumerated() {
      for (number, fragment) in target.fragments.enumerated() {
        guard let source = fragment.source else { continue }
        uses[source].append(Use(target: index, fragment: number))
      }
    }
    self.uses = uses
    hash = try prove()
  }

  /// The fingerprint of what was proven. The proofs do not depend on each other: a plan of a million chunks is proven on
  /// two cores.
  private func prove() throws(MimoError) -> UInt64 {
    let plan = self
    let proof = Proof()
    try Workers.run(count: 2) { worker throws(MimoError) in
      if worker.index == 1 {
        do throws(MimoError) { try Coverage.prove(plan.description) } catch { proof.mapping.withLock { $0 = error } }
        proof.hash.store(plan.fingerprint(), ordering: .relaxed)
      } else {
        proof.stored.withLock { $0 = capture({ () throws(MimoError) in try plan.proveStored() }) }
      }
    }
    // A fault of the mapping is told first: it makes the others.
    if let error = proof.mapping.withLock({ $0 }) { throw error }
    try proof.stored.withLock { $0 }.get()
    return proof.hash.load(ordering: .relaxed)
  }

  /// What the two threads found.
  private final class Proof: Sendable {
    let mapping = Mutex<MimoError?>(nil)
    let stored = Mutex<Result<Void, MimoError>>(.success(()))
    let hash = Atomic<UInt64>(0)
  }

  private func proveStored() throws(MimoError) {
    try proveChunks()
    try proveDTypes()
    try proveMinima()
  }

  /// Chunks of the stored side, then those that the whole tensors are gathered from.
  package var chunkCount: Int { gathering.reduce(stored.chunks.count) { $0 + $1.stored.chunks.count } }

  /// Elements of a chunk, in the numbering of `chunkCount`.
  package func volume(ofChunk index: Int) -> Int {
    guard index >= stored.chunks.count, let reading = gathering.first else { return stored.chunks[index].region.volume }
    return reading.stored.chunks[index - stored.chunks.count].region.volume
  }

  /// Bytes of all whole tensors as they are stored, scales aside.
  package var wholeBytes: Int { whole.reduce(0) { $0 + $1.storedByteCount } }

  /// Whole tensors that a kernel without a way back is put on.
  package var lossyTensors: [(tensor: String, kernel: ElementKernel)] {
    zip(whole, uses).compactMap { tensor, uses in
      let kernels = uses.lazy.compactMap { description.targets[$0.target].fragments[$0.fragment].kernel }
      return kernels.first(where: \.isLossy).map { (tensor.name, $0) }
    }
  }

  /// Each target's chunks tile it; copies lie where an original lies.
  private func proveChunks() throws(MimoError) {
    for (index, target) in description.targets.enumerated() {
      let chunks = stored.chunks[stored.targets[index].chunks]
      let fault = Tiling.fault(chunks.lazy.filter { !$0.isReplica }.map(\.region), in: target.shape)
      guard let fault else { continue }
      throw MimoError(
        .invalidInput, "the stored chunks do not hold each element of \(target.shape) once: \(fault)",
        tensor: target.globalName)
    }
  }

  /// A source whose minimum is needed is small enough to be seen as a whole before anything of it is written.
  private func proveMinima() throws(MimoError) {
    for (source, uses) in zip(whole, uses) where source.byteCount > ElementKernel.largestWhole {
      for use in uses {
        let kernel = description.targets[use.target].fragments[use.fragment].kernel
        guard kernel == .subtractMinimum else { continue }
        throw MimoError(
          .unsupported,
          "its minimum is to be taken off, but it has \(source.byteCount) bytes and at most \(ElementKernel.largestWhole) are looked at as a whole",
          tensor: source.name)
      }
    }
  }

  /// Bytes are copied, or there is arithmetic between the two dtypes.
  private func proveDTypes() throws(MimoError) {
    for (source, uses) in zip(whole, uses) {
      if direction == .storedToWhole, source.storage != .plain {
        throw MimoError(.unsupported, "values are not encoded on an export", tensor: source.name)
      }
      guard source.dtype.byteWidth != nil else {
        throw MimoError(
          .unsupported, "\(source.dtype.rawValue) has elements of less than a byte, which no layout here splits",
          tensor: source.name)
      }
      for use in uses {
        let dtype = stored.targets[use.target].dtype
        let kernel = description.targets[use.target].fragments[use.fragment].kernel
        guard ElementConverter(left: source.dtype, right: dtype, kernel: kernel) == nil else { continue }
        throw MimoError(
          .unsupported, "there is no conversion between \(source.dtype.rawValue) and \(dtype.rawValue)",
          path: wholeFiles[source.file].path, tensor: source.name,
          remedy: "Only floating point values change their dtype; codes and integers do not")
      }
    }
  }
}
