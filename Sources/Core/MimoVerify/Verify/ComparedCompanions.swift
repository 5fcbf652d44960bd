import MimoCheckpoints
import MimoContainers
import MimoJSON
import MimoMapping
import MimoPluginHost
import MimoSystem
import MimoTransfer

/// The files beside the weights of two checkpoints: config.json by what it says, all others by their bytes.
struct ComparedCompanions {
  private(set) var differences: [VerifyReport.Tensor] = []
  private(set) var notes: [String] = []

  private let plugin: PluginLibrary

  init(
    _ a: String, _ formatA: CheckpointFormat, _ b: String, _ formatB: CheckpointFormat, _ plugin: PluginLibrary
  ) throws(MimoError) {
    self.plugin = plugin
    guard let a = try Companions(of: a, formatA), let b = try Companions(of: b, formatB) else { return }
    for name in a.names.intersection(b.names).sorted(by: bytewiseLess) {
      let paths = (FileSystem.join(a.folder, name), FileSystem.join(b.folder, name))
      if name == "config.json" { try compareConfigs(paths) } else { try compareBytes(name, paths) }
    }
    for (side, own, other) in [("A", a.names, b.names), ("B", b.names, a.names)] {
      let alone = own.subtracting(other).sorted(by: bytewiseLess)
      guard !alone.isEmpty else { continue }
      let names = alone.prefix(3).joined(separator: ", ") + (alone.count > 3 ? ", ..." : "")
      notes.append("only \(side) has \(alone.count) of the files beside the weights: \(names)")
    }
  }

  /// What says how values are stored, not what the model is, and what says who wrote the file.
  private static let aboutStorage: Set<String> = [
    "torch_dtype", "dtype", "quantization_config", "transformers_version", "_name_or_path",
  ]

  private mutating func compareConfigs(_ paths: (String, String)) throws(MimoError) {
    let (a, b) = (try JSONParser.parse(file: paths.0, options: .nonFiniteNumbers), try JSONParser.parse(file: paths.1, options: .nonFiniteNumbers))
    var keys: [String] = []
    ComparedCompanions.differing(a, b, at: "") { keys.append($0) }
    guard !keys.isEmpty else { return }
    let rewritten = rewrittenKeys(ModelConfig(a, path: paths.0)).union(rewrittenKeys(ModelConfig(b, path: paths.1)))
    let isNoted = { (key: String) in
      key.split(separator: ".").contains { ComparedCompanions.aboutStorage.contains(String($0)) } || rewritten.contains(key)
    }
    let noted = keys.filter(isNoted)
    keys.removeAll(where: isNoted)
    if !keys.isEmpty {
      let named = keys.prefix(5).joined(separator: ", ") + (keys.count > 5 ? " and \(keys.count - 5) more" : "")
      differences.append(.init(name: "config.json", difference: .file("differs in \(named)")))
    }
    if !noted.isEmpty { notes.append("config.json differs in \(noted.joined(separator: ", "))") }
  }

  /// What a conversion itself changes in the config, in any layout: the tensors that this is about are compared.
  private func rewrittenKeys(_ config: ModelConfig) -> Set<String> {
    var keys: Set<String> = []
    for layout in plugin.info.layouts {
      let described = capture { () throws(MimoError) in
        try plugin.describe(config.input(sources: nil, options: [:]), layout: layout)
      }
      // A layout that has no place for the model changes nothing in its config.
      if case .success(let description) = described { keys.formUnion(description.configOverrides.map(\.path)) }
    }
    return keys
  }

  /// Calls `body` with the dotted path of each value that is not the same in both.
  private static func differing(_ a: JSONValue, _ b: JSONValue, at path: String, _ body: (String) -> Void) {
    guard let first = a.object, let second = b.object else {
      if !isSame(a, b) { body(path) }
      return
    }
    for key in first.keys + second.keys.filter({ first[$0] == nil }) {
      let place = path.isEmpty ? key : "\(path).\(key)"
      if let one = first[key], let other = second[key] { differing(one, other, at: place, body) } else { body(place) }
    }
  }

  /// 1e7 and 10000000 are one number, however a program spells it.
  private static func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
    if let first = a.array, let second = b.array {
      return first.count == second.count && zip(first, second).allSatisfy { isSame($0, $1) }
    }
    if let first = a.double, let second = b.double { return first == second || a == b }
    return a == b
  }

  private mutating func compareBytes(_ name: String, _ paths: (String, String)) throws(MimoError) {
    let (a, b) = (try File.openForReading(paths.0), try File.openForReading(paths.1))
    guard let place = try ComparedCompanions.firstDifference(a, b) else { return }
    let words = "differs from byte \(place) on (\(try a.size()) bytes in A, \(try b.size()) in B)"
    if ComparedCompanions.isProse(name) { return notes.append("\(name) \(words)") }
    differences.append(.init(name: name, difference: .file(words)))
  }

  /// For people: no program reads it.
  private static func isProse(_ name: String) -> Bool {
    let file = FileSystem.split(name).name
    return file.hasSuffix(".md") || file.hasPrefix("LICENSE") || file.hasPrefix("README") || file.hasPrefix("NOTICE")
  }

  /// nil for equal files.
  private static func firstDifference(_ a: File, _ b: File) throws(MimoError) -> UInt64? {
    let shorter = min(try a.size(), try b.size())
    var first = ByteBuffer()
    var second = ByteBuffer()
    var position: UInt64 = 0
    while position < shorter {
      try Interruption.check()
      let count = Int(min(1 << 20, shorter - position))
      let (one, other) = (try first.reserve(count), try second.reserve(count))
      try a.read(into: one, at: position)
      try b.read(into: other, at: position)
      if let a = one.baseAddress, let b = other.baseAddress, !memoryIsEqual(a, b, count) {
        let index = zip(one, other).enumerated().first { $1.0 != $1.1 }?.offset
        return index.map { position + UInt64($0) }
      }
      position += UInt64(count)
    }
    return try a.size() == b.size() ? nil : shorter
  }
}

/// The files beside the weights of one checkpoint.
private struct Companions {
  let folder: String
  let names: Set<String>

  /// nil for a checkpoint without a record of them.
  init?(of path: String, _ format: CheckpointFormat) throws(MimoError) {
    if format != .hf, let record = try TravellingRecord.find(beside: path) {
      folder = record.files
      names = Set(record.manifest.companions.map(\.path).filter { ForeignFiles.reason($0) == nil })
      return
    }
    guard format == .hf else { return nil }
    folder = path
    names = Set(try TravellingFiles(try HuggingFaceFolder.open(path).companions, in: path).names)
  }
}
