import MimoPluginHost
import PluginABI

/// Lends texts that end where memory ends.
final class GuardedLender: Lender {
  private var lent: [GuardedMemory] = []

  func lend(_ text: String) -> mimo_string {
    var text = text
    return text.withUTF8 { units in
      guard let memory = GuardedMemory(UnsafeRawBufferPointer(units)) else { return mimo_string() }
      lent.append(memory)
      return mimo_string(data: memory.start.assumingMemoryBound(to: CChar.self), length: units.count)
    }
  }
}
