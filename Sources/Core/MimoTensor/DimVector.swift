/// Up to eight numbers, one a dimension, stored in place.
///
/// Plans hold hundreds of thousands of these; an array each would cost an allocation each.
package struct DimVector: Sendable, Hashable, RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
  /// The most dimensions that a tensor may have.
  package static let capacity = 8

  private var storage: InlineArray<8, Int>
  package private(set) var count: Int

  package init() {
    storage = InlineArray(repeating: 0)
    count = 0
  }

  package init(repeating value: Int, count: Int) {
    precondition(count <= DimVector.capacity)
    storage = InlineArray(repeating: 0)
    self.count = count
    for i in 0..<count { storage[i] = value }
  }

  /// nil when there are more than `capacity` numbers.
  package init?(exactly numbers: some Sequence<Int>) {
    self.init()
    for n in numbers {
      guard count < DimVector.capacity else { return nil }
      append(n)
    }
  }

  package init(arrayLiteral elements: Int...) {
    self.init()
    for n in elements { append(n) }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  package subscript(position: Int) -> Int {
    get {
      precondition(position >= 0 && position < count)
      return storage[position]
    }
    set {
      precondition(position >= 0 && position < count)
      storage[position] = newValue
    }
  }

  package mutating func append(_ n: Int) {
    precondition(count < DimVector.capacity)
    storage[count] = n
    count += 1
  }

  package mutating func insert(_ n: Int, at index: Int) {
    precondition(count < DimVector.capacity && index <= count)
    var i = count
    while i > index {
      storage[i] = storage[i - 1]
      i -= 1
    }
    storage[index] = n
    count += 1
  }

  package mutating func remove(at index: Int) {
    precondition(index >= 0 && index < count)
    for i in index..<(count - 1) { storage[i] = storage[i + 1] }
    count -= 1
    storage[count] = 0
  }

  package static func == (a: DimVector, b: DimVector) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where a.storage[i] != b.storage[i] { return false }
    return true
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for i in 0..<count { hasher.combine(storage[i]) }
  }
}

extension DimVector: CustomStringConvertible {
  package var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}
