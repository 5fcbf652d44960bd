import Foundation
import MimoContainers
import Testing

/// A small file that asks for much memory, and what reading it may take: `factor` times its size and 64 MiB.
struct Bomb: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// `.metadata`, `x.pt`, `config.json`, `model.safetensors`: which parser it is for.
  var file: String
  /// Said in docs/trust.md.
  var factor: Int
  var make: @Sendable () -> [UInt8]

  init(_ description: String, _ file: String, factor: Int, make: @escaping @Sendable () -> [UInt8]) {
    testDescription = description
    self.file = file
    self.factor = factor
    self.make = make
  }

  static let all = json + safetensors + pickles + archives + metadata

  private static let jsonFactor = 48
  private static let headFactor = 24
  private static let pickleFactor = 96
  private static let archiveFactor = 24

  // MARK: JSON

  private static let json = [
    Bomb("an array of numbers", "config.json", factor: jsonFactor) { text("[0" + String(repeating: ",0", count: 400_000) + "]") },
    Bomb("an array of arrays", "config.json", factor: jsonFactor) { text("[[0]" + String(repeating: ",[0]", count: 200_000) + "]") },
    Bomb("an array of objects", "config.json", factor: jsonFactor) {
      text("[{}" + String(repeating: ",{\"\":{}}", count: 100_000) + "]")
    },
    Bomb("an object of many keys", "config.json", factor: jsonFactor) {
      text("{" + (0..<100_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}")
    },
    Bomb("arrays a million deep", "config.json", factor: jsonFactor) { text(String(repeating: "[", count: 1_000_000)) },
    Bomb("objects a million deep", "config.json", factor: jsonFactor) { text(String(repeating: "{\"\":", count: 250_000)) },
    Bomb("a number of a million digits", "config.json", factor: jsonFactor) { text(String(repeating: "9", count: 1_000_000)) },
    Bomb("a key of a million accents", "config.json", factor: jsonFactor) {
      text("{\"a" + String(repeating: "\u{316}\u{301}", count: 250_000) + "\":0}")
    },
  ]

  // MARK: safetensors

  private static let safetensors = [
    Bomb("a header of 16 EiB", "model.safetensors", factor: headFactor) { [UInt8](repeating: 0xFF, count: 8) + text("{}") },
    Bomb("tensors without bytes", "model.safetensors", factor: headFactor) {
      let tensors = (0..<15_000).map { "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}" }
      return head("{" + tensors.joined(separator: ",") + "}")
    },
    Bomb("a million spaces", "model.safetensors", factor: headFactor) { head("{}" + String(repeating: " ", count: 1_000_000)) },
    Bomb("much metadata", "model.safetensors", factor: headFactor) {
      head("{\"__metadata__\":{" + (0..<60_000).map { "\"\($0)\":\"\"" }.joined(separator: ",") + "}}")
    },
  ]

  // MARK: Pickles

  private static let pickles = [
    Bomb("a list of lists", "x.pt", factor: pickleFactor) { archive([0x5D, 0x28] + many([0x5D], 500_000) + [0x65, 0x2E]) },
    Bomb("values that nothing takes", "x.pt", factor: pickleFactor) { archive(many([0x5D], 1_000_000) + [0x2E]) },
    Bomb("a list of calls", "x.pt", factor: pickleFactor) {
      archive(text("ca\nb\n") + [0x71, 0, 0x30, 0x5D, 0x28] + many([0x68, 0, 0x29, 0x52], 200_000) + [0x65, 0x2E])
    },
    Bomb("one value, doubled forty times", "x.pt", factor: pickleFactor) { archive([0x5D] + many([0x32, 0x86], 40) + [0x2E]) },
    Bomb("tuples a million deep", "x.pt", factor: pickleFactor) { archive([0x4E] + many([0x85], 1_000_000) + [0x2E]) },
    Bomb("a text of a megabyte, half a million times", "x.pt", factor: pickleFactor) {
      archive(longText + [0x71, 0, 0x30, 0x5D, 0x28] + many([0x68, 0], 500_000) + [0x65, 0x2E])
    },
    Bomb("memo slots", "x.pt", factor: pickleFactor) { archive([0x4E] + many([0x94], 1_000_000) + [0x2E]) },
    Bomb("a number of a megabyte", "x.pt", factor: pickleFactor) { archive([0x8B, 0, 0, 0x10, 0] + many([1], 1 << 20) + [0x2E]) },
    Bomb("keys within keys", "x.pt", factor: pickleFactor) {
      // {{{"\"": 0}: 0}: 0}...: JSON in JSON doubles its escapes.
      archive(many([0x7D], 60) + [0x8C, 1, 0x22] + many([0x4E, 0x73], 60) + [0x2E])
    },
    Bomb("one tensor under a long name, many times", "x.pt", factor: pickleFactor) {
      var pickle = tensorCall
      pickle += [0x71, 9, 0x30, 0x7D] as [UInt8]
      pickle += longText
      pickle += [0x7D, 0x28] as [UInt8]
      for number in 10_000..<60_000 {
        pickle += short(String(number))
        pickle += [0x68, 9] as [UInt8]
      }
      return archive(pickle + [0x75, 0x73, 0x2E])
    },
  ]

  /// The call that rebuilds a tensor of one bf16 over storage 0.
  private static let tensorCall: [UInt8] = {
    var call = text("ctorch._utils\n_rebuild_tensor_v2\n((") + short("storage") + text("ctorch\nBFloat16Storage\n")
    call += short("0") + short("cpu")
    return call + [0x4B, 1, 0x74, 0x51, 0x4B, 0, 0x4B, 1, 0x85, 0x4B, 1, 0x85, 0x89, 0x4E, 0x74, 0x52]
  }()

  private static let longText: [UInt8] = [0x58, 0, 0, 0x10, 0] + many([0x61], 1 << 20)

  // MARK: Archives

  private static let archives = [
    Bomb("members that lie on each other", "x.pt", factor: archiveFactor) {
      let names = (0..<15_000).map { "archive/\($0)" } + ["archive/data.pkl", "archive/version"]
      var directory: [UInt8] = []
      for name in names {
        directory += [0x50, 0x4B, 1, 2] as [UInt8] + many([0], 24)
        directory += [UInt8(name.utf8.count), 0] as [UInt8] + many([0], 16)
        directory += text(name)
      }
      return zip(directory, count: UInt16(names.count), size: UInt32(directory.count))
    },
    Bomb("a directory of 4 GiB", "x.pt", factor: archiveFactor) { zip([], count: .max, size: .max) },
  ]

  // MARK: .metadata

  private static let metadata = [
    Bomb("a list of lists", ".metadata", factor: pickleFactor) { many([0x5D], 1_000_000) + [0x2E] },
    Bomb("two thousand tensors that share twenty thousand chunks", ".metadata", factor: pickleFactor) {
      sharedTensor(2_000, chunks: 20_000)
    },
    Bomb("thirty thousand tensors that share thirty thousand attributes", ".metadata", factor: pickleFactor) {
      sharedTensor(30_000, attributes: 30_000)
    },
  ]

  private static let module = "torch.distributed.checkpoint.metadata"

  /// Tensors that all are one: its list has one chunk again and again, its attributes have names that nobody asks for.
  private static func sharedTensor(_ tensors: Int, chunks: Int = 0, attributes: Int = 0) -> [UInt8] {
    let one: [UInt8] = [0x4B, 1, 0x85]
    var bytes: [UInt8] = [0x80, 2]
    // Slot 0: a chunk.
    bytes += text("c\(module)\nChunkStorageMetadata\n") + empty
    bytes += short("offsets") + [0x4B, 0, 0x85]
    bytes += short("sizes") + one
    bytes += [0x75, 0x62, 0x71, 0, 0x30]
    // Slot 1: the attributes.
    bytes += [0x7D, 0x28]
    bytes += short("properties") + text("c\(module)\nTensorProperties\n") + [0x29, 0x81, 0x28]
    bytes += text("ctorch\nuint8\nctorch.serialization\n_get_layout\n") + short("torch.strided")
    bytes += [0x85, 0x52, 0x89, 0x4E, 0x89, 0x74, 0x62]
    bytes += short("size") + one
    bytes += short("chunks") + [0x5D, 0x28] + many([0x68, 0], chunks)
    bytes += [0x65]
    for number in 0..<attributes { bytes += short("\(number)") + [0x4E] }
    bytes += [0x75, 0x71, 1, 0x30]
    // Slot 2: the class of the tensors.
    bytes += text("c\(module)\nTensorStorageMetadata\n") + [0x71, 2, 0x30]
    bytes += text("c\(module)\nMetadata\n") + empty
    bytes += short("storage_data") + [0x7D]
    bytes += short("state_dict_metadata") + [0x7D, 0x28]
    for number in 0..<tensors {
      bytes += short("t\(number)")
      bytes += [0x68, 2, 0x29, 0x81, 0x68, 1, 0x62]
    }
    return bytes + [0x75, 0x75, 0x62, 0x2E]
  }

  /// EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, MARK: an object whose attributes follow.
  private static let empty: [UInt8] = [0x29, 0x81, 0x7D, 0x28]

  // MARK: Parts

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
  private static func short(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + text.utf8 }
  private static func many(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array([[UInt8]](repeating: bytes, count: count).joined()) }
  private static func archive(_ pickle: [UInt8]) -> [UInt8] { TorchZipItem.archive(pickle: [0x80, 2] + pickle, storages: [[0, 0]]) }

  private static func head(_ json: String) -> [UInt8] {
    withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Array($0) } + text(json)
  }

  /// A directory and an end record with these numbers.
  private static func zip(_ directory: [UInt8], count: UInt16, size: UInt32) -> [UInt8] {
    func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }
    let end: [[UInt8]] = [[0x50, 0x4B, 5, 6, 0, 0, 0, 0], little(count), little(count), little(size), [0, 0, 0, 0, 0, 0]]
    return directory + end.joined()
  }
}
