import MimoMapping
import MimoSystem

/// A folder's disk behind a page cache: told each change, it says what may lie there after the machine is lost.
///
/// The model is described in docs/trust.md.
struct ModelDisk {
  /// What becomes of all that no sync covers.
  enum Loss: Hashable {
    case everything, nothing
    /// Some of it reached the disk; drawn.
    case some
  }

  private typealias Node = ModelEntries.Node

  private let root: String
  private var entries = ModelEntries()
  private var files: [Node: ModelFile] = [:]
  private var folders: Set<Node> = [0]
  private var nodes: [UInt64: Node] = [:]
  private var lastNode = 0

  /// A disk on which all that lies below `root` now is safe, but for entries of `root` that are never changed.
  init(root: String, untouched: Set<String>) throws {
    self.root = root
    nodes[try FileSystem.info(at: root).inode] = 0
    try scan(root, 0, untouched)
  }

  private mutating func scan(_ folder: String, _ node: Node, _ untouched: Set<String> = []) throws {
    for name in try FileSystem.list(folder) where !untouched.contains(name) {
      let path = FileSystem.join(folder, name)
      let info = try FileSystem.info(at: path)
      let child = make(info)
      entries.addDurable(.init(folder: node, name: name), child)
      if info.kind == .directory {
        folders.insert(child)
        try scan(path, child)
      } else {
        files[child] = ModelFile(durable: try FileSystem.readSmallFile(path), modified: info.modified)
      }
    }
  }

  mutating func apply(_ change: StorageChange) {
    switch change {
    case .openOrMakeFile(let path, let info):
      let slot = slot(path)
      // It was there.
      if let node = entries.cached[slot], nodes[info.inode] == node { return }
      let node = make(info)
      files[node] = ModelFile()
      entries.add(.init(entries: [(slot, node)]))
    case .makeFolder(let path, let info):
      let slot = slot(path)
      let node = make(info)
      folders.insert(node)
      entries.add(.init(entries: [(slot, node)]))
    case .write(let inode, let offset, let bytes):
      if let node = nodes[inode] { files[node]?.add(.write(offset: Int(offset), bytes: bytes)) }
    case .resize(let inode, let size):
      if let node = nodes[inode] { files[node]?.add(.resize(Int(size))) }
    case .sync(let call, _, let info):
      guard let node = nodes[info.inode] else { return }
      if folders.contains(node) { entries.sync(node) }
      files[node]?.sync(modified: call == .fsync ? info.modified : nil)
    case .rename(let source, let destination):
      let from = slot(source)
      entries.add(.init(entries: [(slot(destination), entries.cached[from]), (from, nil)]))
    case .removeFile(let path), .removeFolder(let path):
      entries.add(.init(entries: [(slot(path), nil)]))
    }
  }

  /// What may lie there when the machine is lost now.
  func state(after loss: Loss, _ random: inout SplitMix64) -> DiskState {
    let fates: [ModelFile.Fate] = [.lost, .kept, .sizeAlone, .torn(piece: 512), .torn(piece: 4096)]
    let chosen: [ModelFile.Fate]
    let probability: Double
    switch loss {
    case .everything: (chosen, probability) = ([.lost], 0)
    case .nothing: (chosen, probability) = ([.kept], 1)
    case .some:
      let isMixed = Bool.random(using: &random)
      chosen = isMixed ? fates : [fates[Int.random(in: fates.indices, using: &random)]]
      probability = [0, 0.2, 0.5, 0.8, 1][Int.random(in: 0..<5, using: &random)]
    }
    let found = entries.drawn(keeping: probability, &random)
    var state = DiskState()
    let inFolders = Dictionary(grouping: found.keys, by: \.folder).mapValues { $0.sorted { $0.name < $1.name } }
    func walk(_ folder: Node, _ prefix: String) {
      for slot in inFolders[folder] ?? [] {
        guard let node = found[slot] else { continue }
        let path = prefix + slot.name
        if folders.contains(node) {
          state.folders.insert(path)
          walk(node, path + "/")
        } else if let file = files[node] {
          let fate = chosen[Int.random(in: chosen.indices, using: &random)]
          state.files[path] = .init(bytes: file.bytes(fate, &random), modified: file.modified)
        }
      }
    }
    walk(0, "")
    return state
  }

  private mutating func make(_ info: FileInfo) -> Node {
    lastNode += 1
    // A number that was another file's: that one is gone.
    nodes[info.inode] = lastNode
    return lastNode
  }

  private func slot(_ path: String) -> ModelEntries.Slot {
    var folder = 0
    let parts = path.dropFirst(root.count).split(separator: "/").map(String.init)
    for part in parts.dropLast() { folder = entries.cached[.init(folder: folder, name: part)] ?? -1 }
    return .init(folder: folder, name: parts.last ?? "")
  }
}
