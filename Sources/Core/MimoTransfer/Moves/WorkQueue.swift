import Synchronization

/// Numbers units of work; threads share it.
package final class WorkQueue: Sendable {
  private let count: Int
  private let position = Atomic<Int>(0)

  package init(count: Int) { self.count = count }

  package func next() -> Int? {
    let index = position.wrappingAdd(1, ordering: .relaxed).oldValue
    return index < count ? index : nil
  }
}
