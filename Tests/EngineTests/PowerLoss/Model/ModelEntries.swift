import MimoMapping
import MimoSystem

/// The entries of all folders of a disk, and the changes of them that no sync of a folder covers yet.
struct ModelEntries {
  /// A file or folder, whatever its names.
  typealias Node = Int

  /// A name in a folder.
  struct Slot: Hashable {
    var folder: Node
    var name: String
  }

  /// What happens at one moment: a rename is seen whole or not at all.
  struct Change {
    var entries: [(slot: Slot, node: Node?)]
  }

  private(set) var durable: [Slot: Node] = [:]
  private(set) var cached: [Slot: Node] = [:]
  private(set) var pending: [Change] = []

  mutating func add(_ change: Change) {
    pending.append(change)
    ModelEntries.apply(change, to: &cached)
  }

  /// Sets an entry that was always there.
  mutating func addDurable(_ slot: Slot, _ node: Node) {
    durable[slot] = node
    cached[slot] = node
  }

  /// All changes in the folder are safe by now, and what led to them: the former changes of the same names.
  mutating func sync(_ folder: Node) {
    var needed: Set<Slot> = []
    var isSafe = [Bool](repeating: false, count: pending.count)
    for index in pending.indices.reversed() {
      let slots = pending[index].entries.map(\.slot)
      guard slots.contains(where: { $0.folder == folder || needed.contains($0) }) else { continue }
      isSafe[index] = true
      needed.formUnion(slots)
    }
    for index in pending.indices where isSafe[index] { ModelEntries.apply(pending[index], to: &durable) }
    pending = zip(pending, isSafe).filter { !$1 }.map { $0.0 }
  }

  /// Entries after the machine is lost: of the changes that no sync covers each is there with this probability; without
  /// one, later ones of the same names are not there either.
  func drawn(keeping probability: Double, _ random: inout SplitMix64) -> [Slot: Node] {
    var entries = durable
    var blocked: Set<Slot> = []
    for change in pending {
      let isKept = Double.random(in: 0..<1, using: &random) < probability
      if isKept, !change.entries.contains(where: { blocked.contains($0.slot) }) {
        ModelEntries.apply(change, to: &entries)
      } else {
        blocked.formUnion(change.entries.map(\.slot))
      }
    }
    return entries
  }

  private static func apply(_ change: Change, to entries: inout [Slot: Node]) {
    for (slot, node) in change.entries { entries[slot] = node }
  }
}
