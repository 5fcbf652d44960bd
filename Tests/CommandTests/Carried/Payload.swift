import Foundation
import MimoContainers
import Testing

/// A call that a pickle loader would carry out, with a word that shows where it is.
enum Payload {
  static let word = "touch MARKED"
  static let call = PickleValue.object(PickleObject(.call, PickleGlobal("posix", "system"), [.string(word)]))

  /// A file as torch.save writes one, or a bare pickle, with the call in it.
  static let archive = TorchZipItem.object(call)
  static let pickle: [UInt8] = {
    var writer = PickleWriter()
    writer.value(call)
    return writer.finish()
  }()

  /// Files below a folder that have the call's word in them: nothing that is written is compressed.
  static func files(in folder: String) throws -> [String] {
    let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
    return try names.sorted().filter { name in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder), !isFolder.boolValue
      else { return false }
      return try Data(contentsOf: URL(filePath: "\(folder)/\(name)")).range(of: Data(word.utf8)) != nil
    }
  }
}

/// Writes a torch.save file anew with another value.
func editTorchFile(_ path: String, root: String, _ body: (inout [PicklePair]) throws -> Void) throws {
  let source = try PosixByteSource(path: path)
  let object = try TorchObject(file: source)
  guard case .dict(var entries) = object.value else { throw CocoaError(.fileReadCorruptFile) }
  let storages = try object.storages(in: source)
  try body(&entries)
  try Data(TorchZipItem.object(.dict(entries), storages: storages, root: root)).write(to: URL(filePath: path))
}

/// Puts an attribute into a namespace among entries.
func setAttribute(_ name: String, of namespace: String, _ value: PickleValue, in entries: inout [PicklePair]) throws {
  let index = try #require(entries.firstIndex { $0.key == .string(namespace) })
  guard case .object(var object) = entries[index].value, case .dict(let fields)? = object.state else {
    throw CocoaError(.fileReadCorruptFile)
  }
  object.state = .dict(fields + [PicklePair(.string(name), value)])
  entries[index].value = .object(object)
}

/// What a report says is left out: reasons by name.
func omissions(_ folder: String) throws -> [String: String] {
  let entries = try #require(try readJSON(folder + "/conversion_report.json")["omissions"] as? [[String: Any]])
  return Dictionary(entries.map { ($0["name"] as? String ?? "", $0["reason"] as? String ?? "") }) { first, _ in first }
}
