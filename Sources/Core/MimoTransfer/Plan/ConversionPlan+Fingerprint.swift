import MimoChecksum
import MimoMapping
import MimoTensor

extension ConversionPlan {
  /// A fingerprint of everything that decides the output: tensors, places, moves.
  func fingerprint() -> UInt64 {
    var hash = PlanHash()
    for tensor in whole {
      hash.add(tensor.name)
      hash.add(tensor.dtype.rawValue)
      hash.add(tensor.shape.dims)
      hash.add(tensor.file)
      hash.add(Int(clamping: tensor.offset))
      guard case .encoded(let form, _, let scales) = tensor.storage else { continue }
      hash.add(form.name)
      hash.add(scales.file)
      hash.add(Int(clamping: scales.offset))
    }
    for file in stored.files {
      hash.add(file.path)
      hash.add(Int(clamping: file.size))
    }
    for target in stored.targets { hash.add(target.dtype.rawValue) }
    for chunk in stored.chunks {
      hash.add(chunk.file)
      hash.add(Int(clamping: chunk.offset))
      hash.add(chunk.region.offset)
      hash.add(chunk.region.extent)
      hash.add(chunk.strides)
    }
    for target in description.targets {
      for fragment in target.fragments {
        hash.add(fragment.source ?? -1)
        hash.add(fragment.base)
        hash.add(fragment.region.offset)
        hash.add(fragment.strides)
        hash.add(fragment.kernel?.name ?? "")
      }
    }
    for plan in gathering { hash.add(Int(truncatingIfNeeded: plan.hash)) }
    return hash.finish()
  }
}

/// CRC-64 over numbers and words.
private struct PlanHash {
  private var hash: UInt64 = 0
  /// Numbers that are not in the hash yet: it is fastest over long runs.
  private var pending = [Int64](repeating: 0, count: PlanHash.longestRun)
  private var count = 0
  private static let longestRun = 1 << 12

  mutating func finish() -> UInt64 {
    flush()
    return hash
  }

  mutating func add(_ number: Int) {
    if count == PlanHash.longestRun { flush() }
    pending[count] = Int64(number).littleEndian
    count += 1
  }

  mutating func add(_ numbers: DimVector) {
    add(numbers.count)
    for dim in 0..<numbers.count { add(numbers[dim]) }
  }

  mutating func add(_ text: String) {
    var text = text
    add(text.utf8.count)
    flush()
    text.withUTF8 { hash = mimo_crc64(hash, $0.baseAddress, $0.count) }
  }

  private mutating func flush() {
    let bytes = count * MemoryLayout<Int64>.size
    pending.withUnsafeBytes { hash = mimo_crc64(hash, $0.baseAddress, bytes) }
    count = 0
  }
}
