import MimoContainers
import MimoSystem
import Testing

/// Tricks with opcodes: each ends at the opcode that does it, by its name.
@Suite struct HostileOpcodeTests {
  struct Trick: CustomTestStringConvertible, Sendable {
    var name: String
    var program: PickleProgram
    /// The step that is refused.
    var step: Int
    var message: String
    var testDescription: String { name }

    init(_ name: String, _ program: PickleProgram, at step: Int, _ message: String) {
      self.name = name
      self.program = program
      self.step = step
      self.message = message
    }
  }

  /// Refused by every policy; the names in them are of the closed lists, so that only the trick is refused.
  static let tricks: [Trick] =
    [
      Trick("INST calls without REDUCE", [.mark, .text("id"), .inst("os", "system"), .stop], at: 2, "INST (0x69): this opcode is refused"),
      Trick("OBJ calls without REDUCE", [.mark, .global("torch", "Size"), .text("id"), .obj, .stop], at: 3, "OBJ (0x6f): this opcode"),
      Trick("EXT1 names by number", [.ext1(1), .stop], at: 0, "EXT1 (0x82): this opcode"),
      Trick("EXT2 names by number", [.ext2(0x1234), .stop], at: 0, "EXT2 (0x83): this opcode"),
      Trick("EXT4 names by number", [.ext4(0x7FFF_FFFF), .stop], at: 0, "EXT4 (0x84): this opcode"),
      Trick("PERSID asks the loader", [.persID("../../etc/passwd"), .stop], at: 0, "PERSID (0x50): this opcode"),
      Trick("NEXT_BUFFER", [.proto(5), .nextBuffer, .stop], at: 1, "NEXT_BUFFER (0x97): this opcode"),
      Trick("READONLY_BUFFER", [.proto(5), .none, .readOnlyBuffer, .stop], at: 2, "READONLY_BUFFER (0x98): this opcode"),
      Trick("text of protocol 0", [.line("V", "os"), .stop], at: 0, "UNICODE (0x56): this opcode"),
      Trick("quoted text of protocol 0", [.line("S", "'os'"), .stop], at: 0, "STRING (0x53): this opcode"),
      Trick("number of protocol 0", [.line("I", "1"), .stop], at: 0, "INT (0x49): this opcode"),
      Trick("huge number of protocol 0", [.line("L", String(repeating: "9", count: 9000) + "L"), .stop], at: 0, "LONG (0x4c): this"),
      Trick("float of protocol 0", [.line("F", "1e9999"), .stop], at: 0, "FLOAT (0x46): this opcode"),
      Trick("memo of protocol 0", [.none, .line("p", "0"), .stop], at: 1, "PUT (0x70): this opcode"),
      Trick("memo read of protocol 0", [.line("g", "0"), .stop], at: 0, "GET (0x67): this opcode"),
      Trick("dict of protocol 0", [.mark, .none, .none, .dict, .stop], at: 3, "DICT (0x64): this opcode"),
      Trick("protocol of the future", [.proto(6), .none, .stop], at: 0, "PROTO (0x80): pickle protocol 6"),
      Trick("protocol 255", [.proto(2), .proto(255), .none, .stop], at: 1, "PROTO (0x80): pickle protocol 255"),
      Trick("a text is called", [.text("os.system"), .emptyTuple, .reduce, .stop], at: 2, "REDUCE (0x52): something that is not a global"),
      Trick(
        "the result of a call is called", [.global("torch", "Size"), .emptyTuple, .reduce, .emptyTuple, .reduce, .stop], at: 4,
        "REDUCE (0x52): something that is not a global"),
      Trick("a call with a list", [.global("torch", "Size"), .emptyList, .reduce, .stop], at: 2, "REDUCE (0x52): the arguments"),
      Trick("NEWOBJ of a text", [.text("os"), .emptyTuple, .newObj, .stop], at: 2, "NEWOBJ (0x81): something that is not a global"),
      Trick(
        "NEWOBJ_EX with keywords",
        [.global("torch", "Size"), .emptyTuple, .emptyDict, .text("shell"), .byte(1), .setItem, .newObjEx, .stop], at: 6,
        "NEWOBJ_EX (0x92): keywords are refused"),
      Trick(
        "NEWOBJ_EX with a text for keywords", [.global("torch", "Size"), .emptyTuple, .text("x"), .newObjEx, .stop], at: 3,
        "NEWOBJ_EX (0x92): keywords are refused"),
      Trick("BUILD of a class", [.global("torch", "Size"), .emptyDict, .build, .stop], at: 2, "BUILD (0x62): there is no object to fill"),
      Trick("BUILD of a dict", [.emptyDict, .emptyDict, .build, .stop], at: 2, "BUILD (0x62): there is no object to fill"),
      Trick("a name of numbers", [.byte(1), .byte(2), .stackGlobal, .stop], at: 2, "STACK_GLOBAL (0x93): a global's name is not a string"),
      Trick("a name of one text", [.text("os"), .stackGlobal, .stop], at: 1, "STACK_GLOBAL (0x93): the stack is empty"),
      Trick("APPEND to a class", [.global("torch", "Size"), .none, .append, .stop], at: 2, "APPEND (0x61): there is nothing to add to"),
      Trick("SETITEM of a list", [.emptyList, .none, .none, .setItem, .stop], at: 3, "SETITEM (0x73): there is nothing to add to"),
      Trick("SETITEM of a class", [.global("torch", "Size"), .none, .none, .setItem, .stop], at: 3, "SETITEM (0x73): there is nothing"),
      Trick("ADDITEMS to a list", [.emptyList, .mark, .none, .addItems, .stop], at: 3, "ADDITEMS (0x90): there is nothing to add to"),
      Trick("POP across a mark", [.none, .mark, .pop, .stop], at: 2, "POP (0x30): the stack is empty"),
      Trick("no mark", [.none, .popMark, .stop], at: 1, "POP_MARK (0x31): there is no mark"),
      Trick("memo slot that was never put", [.binGet(7), .stop], at: 0, "BINGET (0x68): memo slot 7 is empty"),
      Trick("a memo of 16 GiB", [.none, .longBinPut(.max), .stop], at: 1, "LONG_BINPUT (0x72): memo slot 4294967295"),
      Trick("a number of 2 GiB", [.long4(.max), .stop], at: 0, "LONG4 (0x8b): an integer of 2147483647 bytes"),
      Trick("a number of -1 bytes", [.long4(-1), .stop], at: 0, "LONG4 (0x8b): an integer of -1 bytes"),
      Trick("a text of 16 EiB", [.text8(.max), .stop], at: 0, "BINUNICODE8 (0x8d): the pickle is cut short"),
      Trick("a text of 8 EiB", [.text8(1 << 63), .stop], at: 0, "BINUNICODE8 (0x8d): the pickle is cut short"),
      Trick("an array of 16 EiB", [.byteArray8(.max), .stop], at: 0, "BYTEARRAY8 (0x96): the pickle is cut short"),
      Trick("1025 marks", PickleProgram(Array(repeating: .mark, count: 1025)), at: 1024, "MARK (0x28): nested deeper than 1024"),
      Trick("a payload behind the end", [.none, .stop, .global("os", "system"), .stop], at: 2, "the pickle ends before its file does"),
      Trick("two pickles", [.none, .stop, .none, .stop], at: 2, "the pickle ends before its file does"),
      Trick("no end", [.none], at: 1, "end of the pickle: the pickle is cut short"),
      Trick("values beside the result", [.none, .none, .stop], at: 2, "STOP (0x2e): values are left over"),
      Trick("a mark beside the result", [.mark, .none, .stop], at: 2, "STOP (0x2e): values are left over"),
      Trick("nothing", [], at: 0, "the pickle is cut short"),
    ]
    + [0x00, 0x0A, 0x7F, 0x99, 0xFF].map {
      Trick("opcode \($0)", [.proto(2), .raw([$0])], at: 1, "0x\(String($0, radix: 16)): this opcode is refused")
    }

  @Test(arguments: tricks) func isRefusedByNameAndPlace(_ trick: Trick) {
    for policy in [PicklePolicy.metadata, .tensorItem, .object] {
      let bytes = trick.program.bytes
      let error = #expect(throws: MimoError.self) { try PickleReader.read(bytes, policy: policy, path: "x") }
      #expect(error?.message.contains(trick.message) == true, "\(policy.subject): \(String(describing: error))")
      #expect(error?.byte == trick.program.offset(of: trick.step), "\(policy.subject): \(String(describing: error))")
    }
  }

  /// A stream that breaks off after its payload: Python has run it by then, scanners may see nothing.
  @Test func aBrokenStreamIsRefusedAtItsPayload() {
    let program: PickleProgram = [.proto(2), .global("os", "system"), .text("id"), .tuple1, .reduce, .raw([0xFF])]
    for policy in HostileGlobalTests.closed {
      let error = #expect(throws: MimoError.self) { try PickleReader.read(program.bytes, policy: policy) }
      #expect(error?.message == "GLOBAL (0x63): the global os.system is refused in a \(policy.subject)")
      #expect(error?.byte == program.offset(of: 1))
    }
    let error = #expect(throws: MimoError.self) { try PickleReader.read(program.bytes, policy: .object) }
    #expect(error?.byte == program.offset(of: 5))
  }

  @Test func storagesAreForTensorsAlone() {
    let program: PickleProgram = [.text("storage"), .binPersID, .stop]
    let error = #expect(throws: MimoError.self) { try PickleReader.read(program.bytes, policy: .metadata) }
    #expect(error?.message == "BINPERSID (0x51): storages are refused in a .metadata")
    #expect(error?.byte == program.offset(of: 1))
  }

  /// `__setstate__`, `__class__` and `__dict__` of a state are entries like others.
  @Test(arguments: ["__setstate__", "__class__", "__dict__", "__reduce__", "__init__"]) func attributesAreData(name: String) throws {
    let program: PickleProgram = [
      .global("collections", "OrderedDict"), .emptyTuple, .reduce, .emptyDict, .text(name), .text("os.system"), .setItem, .build, .stop,
    ]
    for policy in [PicklePolicy.metadata, .tensorItem, .object] {
      let graph = try PickleReader.read(program.bytes, policy: policy)
      let expected = PickleObject(
        .call, PickleGlobal("collections", "OrderedDict"), state: .dict([PicklePair(.string(name), .string("os.system"))]))
      #expect(try graph.value(graph.root) == .object(expected))
    }
  }
}
