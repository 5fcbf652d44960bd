import MimoContainers
import MimoSystem
import Testing

/// Payloads in torch.save archives that are made so that scanners do not see them.
@Suite struct HostileArchiveTests {
  static let payload: PickleProgram = [.proto(2), .global("posix", "system"), .text("id"), .tuple1, .reduce, .stop]

  static func tensor(_ archive: [UInt8]) throws -> StoredTensor {
    try TorchZipReader.tensor(in: MemoryByteSource(archive, path: "x"), length: UInt64(archive.count))
  }

  static func object(_ archive: [UInt8]) throws -> TorchObject {
    try TorchObject(file: MemoryByteSource(archive, path: "x"))
  }

  static func places(of text: [UInt8], in bytes: [UInt8]) -> [Int] {
    (0...(bytes.count - text.count)).filter { bytes[$0..<($0 + text.count)].elementsEqual(text) }
  }

  static let central: [UInt8] = [0x50, 0x4B, 1, 2]
  static let local: [UInt8] = [0x50, 0x4B, 3, 4]

  @Test(arguments: ["archive", "model", "..", "a b", "ünï"]) func theFolderOfTheMembersChangesNothing(root: String) throws {
    let archive = TorchZipItem.archive(pickle: Self.payload.bytes, root: root)
    let error = #expect(throws: MimoError.self) { try Self.tensor(archive) }
    #expect(error?.message == "GLOBAL (0x63): the global posix.system is refused in a tensor item")
    let start = try #require(Self.places(of: Self.payload.bytes, in: archive).first)
    #expect(error?.byte == UInt64(start) + Self.payload.offset(of: 1), "the byte is one of the file")
    #expect(
      try Self.object(archive).value == .object(PickleObject(.call, PickleGlobal("posix", "system"), [.string("id")])))
  }

  /// Flags make Python's zipfile refuse what torch reads.
  @Test(arguments: 1..<16) func flagsHideNothing(bit: Int) {
    var archive = TorchZipItem.archive(pickle: Self.payload.bytes)
    for place in Self.places(of: Self.central, in: archive) { archive[place + 8 + bit / 8] |= 1 << UInt8(bit % 8) }
    for place in Self.places(of: Self.local, in: archive) { archive[place + 6 + bit / 8] |= 1 << UInt8(bit % 8) }
    let error = #expect(throws: MimoError.self) { try Self.tensor(archive) }
    #expect(error?.message.contains("posix.system is refused") == true, "\(String(describing: error))")
  }

  @Test func anArchiveBehindAnotherIsRefused() {
    let harmless = TorchZipItem.object(.none)
    let hostile = TorchZipItem.archive(pickle: Self.payload.bytes)
    for archive in [harmless + hostile, hostile + harmless, hostile + hostile, [0x37, 0x7A, 0xBC, 0xAF] + hostile] {
      let error = #expect(throws: MimoError.self) { try Self.object(archive) }
      #expect(error?.message.contains("end record") == true, "\(String(describing: error))")
    }
  }

  @Test(arguments: [
    ("7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4]), ("tar", Array("data.pkl".utf8) + [UInt8](repeating: 0, count: 1016)),
    ("torch.save before 1.6", [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]),
    ("a pickle", payload.bytes), ("nothing", []),
  ] as [(String, [UInt8])])
  func otherContainersAreRefused(_ container: (name: String, bytes: [UInt8])) {
    let error = #expect(throws: MimoError.self) { try Self.object(container.bytes) }
    #expect(error?.message == "this is no torch.save archive: there is no zip end record")
  }

  /// Names that only look like data.pkl.
  @Test(arguments: ["DATA.PKL", "data pkl", "data_pkl", "\u{FEFF}data."]) func onlyTheRightNameIsRead(name: String) {
    var archive = TorchZipItem.archive(pickle: Self.payload.bytes)
    for place in Self.places(of: Array("data.pkl".utf8), in: archive) {
      archive.replaceSubrange(place..<(place + 8), with: Array(name.utf8).prefix(8))
    }
    let error = #expect(throws: MimoError.self) { try Self.object(archive) }
    #expect(error?.message == "the archive has no data.pkl")
  }

  /// Where a value is needed, what would have been called is none.
  @Test(arguments: [
    (.call("posix", "system", .string("id")), "a tensor is expected"),
    (.global(PickleGlobal("posix", "system")), "a tensor is expected"), (.string("7"), "a tensor is expected"),
    (.call("torch._utils", "_rebuild_tensor_v2", .string("id")), "the tensor's storage is not valid"),
    (.call("torch._utils", "_rebuild_parameter", .call("posix", "system", .string("id"))), "a tensor is expected"),
  ] as [(PickleValue, String)])
  func aTrackerThatCallsIsRefused(step: PickleValue, message: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(TorchZipItem.object(.record(["step": step]), root: "train_state"), "latest_train_state.pt")
    let error = #expect(throws: MimoError.self) { try DistCheckpoint.open(folder.path) }
    #expect(error?.message == message)
    #expect(error?.path?.hasSuffix("latest_train_state.pt") == true)
  }
}

extension PickleValue {
  static func call(_ module: String, _ name: String, _ argument: PickleValue) -> PickleValue {
    .object(PickleObject(.call, PickleGlobal(module, name), [argument]))
  }
}
