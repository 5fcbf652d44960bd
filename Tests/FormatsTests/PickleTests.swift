import MimoContainers
import MimoSystem
import Testing

@Suite struct PickleTests {
  static func pickled(_ value: PickleValue) -> [UInt8] {
    var writer = PickleWriter()
    writer.value(value)
    return writer.finish()
  }

  static let values: [PickleValue] = [
    .none, .bool(true), .int(0), .int(-1), .int(.max), .int(.min), .bigInt([0, 0, 0, 0, 0, 0, 0, 128, 0]),
    .float(-0.0), .string(""), .string("ünï\u{1F600}"), .bytes([0, 127, 128, 255]), .tuple([]),
    .tuple([.int(1), .tuple([.int(2)]), .int(3), .int(4)]), .list([]), .list((0..<2500).map { .int(Int64($0)) }),
    .dict((0..<1001).map { PicklePair(.string("k\($0)"), .int(Int64($0))) }),
    .dict([PicklePair(.tuple([.int(1)]), .none)]), .global(PickleGlobal("a.b", "C")),
    .persistentID(.tuple([.string("storage"), .string("storage")])),
    .object(PickleObject(.new, PickleGlobal("argparse", "Namespace"), state: .record(["x": .int(1)]))),
    .object(
      PickleObject(
        .call, PickleGlobal("collections", "OrderedDict"), dictItems: [PicklePair(.string("a"), .list([.none]))])),
    .object(
      PickleObject(.call, PickleGlobal("m", "f"), [.int(1)], state: PickleValue.none, listItems: [.int(1), .int(2)])),
  ]

  @Test(arguments: values) func valuesSurvive(_ value: PickleValue) throws {
    let graph = try PickleReader.read(Self.pickled(value), policy: .object)
    #expect(try graph.value(graph.root) == value)
  }

  /// Forms that our writer does not have.
  @Test(
    arguments: [
      (
        [0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 0x8C, 1, 0x61, 0x94, 0x68, 0, 0x86, 0x2E],
        .tuple([.string("a"), .string("a")])
      ),
      ([0x80, 4, 0x8C, 1, 0x6D, 0x8C, 1, 0x6E, 0x93, 0x2E], .global(PickleGlobal("m", "n"))),
      ([0x80, 4, 0x8F, 0x28, 0x4B, 1, 0x4B, 2, 0x90, 0x2E], .set([.int(1), .int(2)])),
      ([0x80, 4, 0x28, 0x4B, 1, 0x91, 0x2E], .set([.int(1)])),
      ([0x80, 5, 0x96, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0x2E], .bytes([9])),
      ([0x80, 4, 0x43, 1, 7, 0x2E], .bytes([7])),
      ([0x80, 2, 0x8A, 0, 0x2E], .int(0)),
      ([0x80, 2, 0x8A, 2, 0, 0xFF, 0x2E], .int(-256)),
      ([0x80, 2, 0x55, 1, 0xE4, 0x2E], .string("ä")),
      ([0x80, 2, 0x4B, 1, 0x32, 0x86, 0x2E], .tuple([.int(1), .int(1)])),
      ([0x80, 2, 0x28, 0x4B, 1, 0x6C, 0x2E], .list([.int(1)])),
      ([0x80, 2, 0x28, 0x4B, 1, 0x31, 0x4E, 0x2E], .none),
    ] as [([UInt8], PickleValue)])
  func newerFormsAreRead(bytes: [UInt8], value: PickleValue) throws {
    let graph = try PickleReader.read(bytes, policy: .object)
    #expect(try graph.value(graph.root) == value)
  }

  @Test(
    arguments: [
      ([], "cut short", 0),
      ([0x80], "cut short", 0),
      ([0x80, 6, 0x4E, 0x2E], "protocol 6", 0),
      ([0x80, 2, 0x2E], "stack is empty", 2),
      ([0x80, 2, 0x4E, 0x4E, 0x2E], "left over", 4),
      ([0x80, 2, 0x4E, 0x2E, 0x4E], "ends before", 4),
      ([0x80, 2, 0x58, 255, 255, 255, 255, 0x2E], "cut short", 2),
      ([0x80, 2, 0x8D, 255, 255, 255, 255, 255, 255, 255, 255, 0x2E], "cut short", 2),
      ([0x80, 2, 0x8B, 255, 255, 255, 127, 0x2E], "2147483647 bytes", 2),
      ([0x80, 2, 0x4E, 0x72, 255, 255, 255, 255, 0x2E], "memo slot 4294967295", 3),
      ([0x80, 2, 0x68, 0, 0x2E], "memo slot 0 is empty", 2),
      ([0x80, 2, 0x74, 0x2E], "no mark", 2),
      ([0x80, 2, 0x28, 0x85, 0x2E], "stack is empty", 3),
      ([0x80, 2, 0x4E, 0x4E, 0x61, 0x2E], "nothing to add to", 4),
      ([0x80, 2, 0x7D, 0x28, 0x4E, 0x75, 0x2E], "has no value", 5),
      ([0x80, 2, 0x4E, 0x29, 0x52, 0x2E], "not a global is called", 4),
      ([0x80, 2, 0x63, 0x61, 0x0A, 0x62, 0x0A, 0x4E, 0x52, 0x2E], "not a tuple", 8),
      ([0x80, 2, 0x7D, 0x7D, 0x62, 0x2E], "no object to fill", 4),
      ([0x80, 2, 0x63, 0x61, 0x62], "no end", 2),
      ([0x80, 2, 0x69, 0x61, 0x0A, 0x62, 0x0A, 0x2E], "INST (0x69): this opcode is refused", 2),
      ([0x80, 2, 0x6F, 0x2E], "OBJ (0x6f): this opcode is refused", 2),
      ([0x80, 2, 0x50, 0x61, 0x0A, 0x2E], "PERSID (0x50): this opcode is refused", 2),
      ([0x80, 2, 0x82, 1, 0x2E], "EXT1 (0x82): this opcode is refused", 2),
      ([0x80, 5, 0x97, 0x2E], "NEXT_BUFFER (0x97): this opcode is refused", 2),
      ([0x49, 0x31, 0x0A, 0x2E], "INT (0x49): this opcode is refused", 0),
      ([0x80, 2, 0xFF, 0x2E], "0xff: this opcode is refused", 2),
    ] as [([UInt8], String, UInt64)])
  func hostilePicklesAreRefused(bytes: [UInt8], message: String, byte: UInt64) {
    let error = #expect(throws: MimoError.self) { try PickleReader.read(bytes, policy: .object, path: "x") }
    #expect(error?.message.contains(message) == true, "\(String(describing: error))")
    #expect(error?.byte == byte)
  }

  @Test(arguments: [PicklePolicy.metadata, .tensorItem]) func closedListsRefuseOtherGlobals(policy: PicklePolicy) {
    for name in [PickleGlobal("posix", "system"), PickleGlobal("builtins", "getattr"), PickleGlobal("torch", "load")] {
      let bytes = Self.pickled(.object(PickleObject(.call, name, [.string("id")])))
      let error = #expect(throws: MimoError.self) { try PickleReader.read(bytes, policy: policy) }
      #expect(error?.message == "GLOBAL (0x63): the global \(name) is refused in a \(policy.subject)")
      #expect(error?.byte == 2)
    }
  }

  @Test func storagesAreRefusedInMetadata() {
    let bytes = Self.pickled(.persistentID(.int(1)))
    let error = #expect(throws: MimoError.self) { try PickleReader.read(bytes, policy: .metadata) }
    #expect(error?.message == "BINPERSID (0x51): storages are refused in a .metadata")
  }

  @Test func unknownClassesStayNames() throws {
    let evil = PickleValue.object(PickleObject(.call, PickleGlobal("posix", "system"), [.string("id")]))
    let graph = try PickleReader.read(Self.pickled(evil), policy: .object)
    #expect(try graph.value(graph.root) == evil)
  }

  /// Each list holds the one before it twice: 2^40 values when written out.
  @Test func sharedValuesCanNotGrowWithoutBound() throws {
    var bytes: [UInt8] = [0x80, 2, 0x5D]
    for _ in 0..<40 { bytes += [0x32, 0x86] }
    bytes.append(0x2E)
    let graph = try PickleReader.read(bytes, policy: .object)
    #expect(throws: MimoError.self) { try graph.value(graph.root) }
  }

  /// A list that holds itself.
  @Test func cyclesAreRefused() throws {
    let graph = try PickleReader.read([0x80, 2, 0x5D, 0x71, 0, 0x68, 0, 0x61, 0x2E], policy: .object)
    let error = #expect(throws: MimoError.self) { try graph.value(graph.root) }
    #expect(error?.message == "the pickled object is nested too deep")
  }

  @Test func marksAreBounded() {
    let bytes: [UInt8] = [0x80, 2] + [UInt8](repeating: 0x28, count: 5000)
    let error = #expect(throws: MimoError.self) { try PickleReader.read(bytes, policy: .object) }
    #expect(error?.message == "MARK (0x28): nested deeper than 1024")
  }

  @Test func repeatedNamesAreReferences() {
    let once = Self.pickled(.list([.string("a long name"), .global(PickleGlobal("m", "n"))])).count
    let twice = Self.pickled(
      .list([
        .string("a long name"), .global(PickleGlobal("m", "n")), .string("a long name"),
        .global(PickleGlobal("m", "n")),
      ])
    ).count
    #expect(twice == once + 4)
  }
}
