import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// One of two checkpoints, as windows of Hugging Face tensors.
struct ComparedSide: Sendable {
  /// Where the elements come from.
  enum Content: Sendable {
    /// Tensors that lie whole in files.
    case whole([WholeTensor], forms: [StoredForm?])
    /// Chunks, gathered in the order of the Hugging Face tensor as they are stored.
    case stored(ConversionPlan)
  }

  let content: Content
  let files: [File]

  /// The dtype in which a tensor's elements come out.
  func dtype(of tensor: Int) -> DType {
    switch content {
    case .whole(let tensors, let forms): forms[tensor]?.dtype ?? tensors[tensor].dtype
    case .stored(let plan): plan.whole[tensor].dtype
    }
  }

  /// How a tensor's elements lie, where they lie whole.
  func storage(of tensor: Int) -> WholeTensor.Storage {
    if case .whole(let tensors, _) = content { tensors[tensor].storage } else { .plain }
  }
}

/// What an import makes of a tensor's elements without moving them: the values that Megatron stores.
struct StoredForm: Sendable {
  /// A box of the tensor and what happens to it.
  struct Piece: Sendable {
    var block: StridedBlock
    var converter: ElementConverter
  }

  var dtype: DType
  /// One for all elements, where all are treated alike.
  var converter: ElementConverter?
  /// Otherwise piece by piece.
  var pieces: [Piece] = []

  /// nil when the elements are stored as they are.
  ///
  /// - Parameter source: the tensor's number in the checkpoint that the import is to end in.
  init?(of tensor: WholeTensor, as source: Int, in gather: GatherPlan) throws(MimoError) {
    dtype = gather.plan.whole[source].dtype
    for use in gather.plan.uses[source] {
      let fragment = gather.mapped.targets[use.target].fragments[use.fragment]
      let stored = gather.plan.stored.targets[use.target].dtype
      guard let converter = ElementConverter(left: tensor.dtype, right: stored, kernel: fragment.kernel) else {
        throw MimoError(
          .unsupported, "there is no conversion between \(tensor.dtype.rawValue) and \(stored.rawValue)",
          tensor: tensor.name)
      }
      guard !converter.needsMinimum || tensor.byteCount <= ElementKernel.largestWhole else {
        throw MimoError(
          .unsupported, "its minimum is to be taken off, but it is too large to be looked at as a whole", tensor: tensor.name)
      }
      let side = StridedBlock.Side(base: fragment.base, strides: fragment.strides)
      pieces.append(
        Piece(block: StridedBlock(extent: fragment.region.extent, left: side, right: side).normalized(), converter: converter))
    }
    guard let first = pieces.first?.converter else { return nil }
    let isUniform = pieces.allSatisfy { $0.converter.right == dtype && $0.converter.kernel == first.kernel }
    guard isUniform else { return }
    if first.isIdentity { return nil }
    converter = first
    pieces = []
  }
}

/// One worker's reader of one side.
struct WindowReader: ~Copyable {
  private let side: ComparedSide
  private var mover: Mover?
  private var raw = ByteBuffer()
  private var packed = ByteBuffer()
  private var stored = ByteBuffer()
  private var encoded = EncodedReader()
  private var parts: [StridedBlock] = []

  init(_ side: ComparedSide) {
    self.side = side
    if case .stored(let plan) = side.content {
      mover = Mover(plan, wholeFiles: [], storedFiles: side.files)
    } else {
      mover = nil
    }
  }

  /// Fills `buffer` with a window, in the side's dtype of the tensor.
  mutating func read(_ unit: WorkUnit, into buffer: UnsafeMutableRawBufferPointer) throws(MimoError) {
    switch side.content {
    case .stored: try mover?.gather(unit, into: buffer)
    case .whole(let tensors, let forms):
      let tensor = tensors[unit.tensor]
      guard let form = forms[unit.tensor] else { return try fetch(unit.elements, of: tensor, into: buffer) }
      let window = try raw.reserve(unit.elements.count * (tensor.dtype.byteWidth ?? 1))
      try fetch(unit.elements, of: tensor, into: window)
      guard let source = window.baseAddress, let target = buffer.baseAddress else { return }
      if let converter = try measured(form.converter, tensor) {
        _ = converter.convert(unit.elements.count, from: source, to: target)
      } else {
        try convert(form, unit, from: source, to: target)
      }
    }
  }

  /// Reads elements as they are, or decodes them.
  private mutating func fetch(
    _ elements: Range<Int>, of tensor: WholeTensor, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MimoError) {
    switch tensor.storage {
    case .plain:
      let position = tensor.offset + UInt64(tensor.storedBytes(of: elements).lowerBound)
      try side.files[tensor.file].read(into: buffer, at: position)
    case .encoded(let form, let codes, let scales):
      _ = try encoded.read(
        elements, of: tensor, form, codes: codes, scales: scales, files: side.files, into: buffer)
    }
  }

  /// The converter, once it has seen the whole tensor if it must: such a tensor is small.
  private mutating func measured(
    _ converter: ElementConverter?, _ tensor: WholeTensor
  ) throws(MimoError) -> ElementConverter? {
    guard var converter, converter.needsMinimum else { return converter }
    let whole = try packed.reserve(tensor.byteCount)
    try fetch(0..<tensor.elementCount, of: tensor, into: whole)
    if let start = whole.baseAddress { converter.measure(tensor.elementCount, at: start) }
    return converter
  }

  /// Piece by piece: the elements are packed, converted, widened to the common dtype and put back in their places.
  private mutating func convert(
    _ form: StoredForm, _ unit: WorkUnit, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
  ) throws(MimoError) {
    for piece in form.pieces {
      guard let widening = ElementConverter(left: piece.converter.right, right: form.dtype, kernel: nil) else {
        throw MimoError(.internalError, "no conversion between \(piece.converter.right) and \(form.dtype)")
      }
      let widest = max(piece.converter.left.byteWidth ?? 1, piece.converter.right.byteWidth ?? 1, form.dtype.byteWidth ?? 1)
      parts.removeAll(keepingCapacity: true)
      piece.block.cut(to: unit.elements, into: &parts)
      for part in parts {
        let count = part.volume
        let block = part.rightRuns().packed
        let room = count * widest
        guard let first = try packed.reserve(room).baseAddress, let second = try stored.reserve(room).baseAddress else {
          return
        }
        let start = unit.elements.lowerBound
        StridedCopy.pack(
          block, width: piece.converter.left.byteWidth ?? 1, window: source, windowStart: start, into: first)
        _ = piece.converter.convert(count, from: first, to: second)
        _ = widening.convert(count, from: second, to: first)
        StridedCopy.unpack(block, width: form.dtype.byteWidth ?? 1, packed: first, window: target, windowStart: start)
      }
    }
  }
}
