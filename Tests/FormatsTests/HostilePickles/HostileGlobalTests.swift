import MimoContainers
import MimoSystem
import Testing

/// A dangerous name is refused where the list of names is closed, and is a name like any other where it is open.
@Suite struct HostileGlobalTests {
  /// How a pickle can name something, and the step that does.
  enum Spelling: CaseIterable, Sendable {
    case global, stackGlobal, oldTexts, fromMemo, fromShuffledMemo, twiceFromOneText, inFrames, popped, inMemoOnly

    func program(_ global: PickleGlobal) -> (PickleProgram, step: Int) {
      let (module, name) = (global.module, global.name)
      switch self {
      case .global: return ([.proto(2), .global(module, name), .stop], 1)
      case .stackGlobal: return ([.proto(4), .text(module), .text(name), .stackGlobal, .stop], 3)
      case .oldTexts: return ([.proto(4), .oldText(module), .oldText(name), .stackGlobal, .stop], 3)
      case .fromMemo:
        return (
          [.proto(4), .text(module), .memoize, .text(name), .memoize, .pop, .pop, .binGet(0), .binGet(1), .stackGlobal, .stop], 9
        )
      // A scanner that counts memo slots instead of reading them sees other texts.
      case .fromShuffledMemo:
        return (
          [
            .proto(4), .text("collections"), .binPut(9), .text(module), .binPut(7), .text(name), .binPut(0), .text("OrderedDict"),
            .binPut(1), .popMarkless(4), .binGet(7), .binGet(0), .stackGlobal, .stop,
          ], 12
        )
      case .twiceFromOneText:
        return ([.proto(4), .text(name), .pop, .text(module), .dup, .pop, .text(name), .stackGlobal, .stop], 7)
      case .inFrames: return ([.proto(4), .frame(3), .text(module), .frame(1 << 40), .text(name), .stackGlobal, .stop], 5)
      case .popped: return ([.proto(2), .global(module, name), .text("id"), .tuple1, .reduce, .pop, .none, .stop], 1)
      case .inMemoOnly: return ([.proto(2), .none, .global(module, name), .binPut(3), .pop, .stop], 2)
      }
    }

    /// Opcode of the step, as messages have it.
    var opcode: String {
      switch self {
      case .global, .popped, .inMemoOnly: "GLOBAL (0x63)"
      default: "STACK_GLOBAL (0x93)"
      }
    }
  }

  static let closed = [PicklePolicy.metadata, .tensorItem]

  @Test(arguments: HostileGlobals.all) func closedListsRefuseItHoweverItIsSpelled(_ global: PickleGlobal) {
    for policy in Self.closed {
      for spelling in Spelling.allCases {
        let (program, step) = spelling.program(global)
        let error = #expect(throws: MimoError.self) { try PickleReader.read(program.bytes, policy: policy) }
        #expect(error?.message == "\(spelling.opcode): the global \(global) is refused in a \(policy.subject)")
        #expect(error?.byte == program.offset(of: step), "\(spelling)")
      }
    }
  }

  @Test(arguments: HostileGlobals.all) func theOpenListKeepsItsNameAndNothingElse(_ global: PickleGlobal) throws {
    for spelling in [Spelling.global, .stackGlobal, .oldTexts, .fromMemo, .inFrames] {
      let graph = try PickleReader.read(spelling.program(global).0.bytes, policy: .object)
      #expect(try graph.value(graph.root) == .global(global))
    }
    let call: PickleProgram = [.proto(2), .global(global.module, global.name), .text("id"), .tuple1, .reduce, .stop]
    let graph = try PickleReader.read(call.bytes, policy: .object)
    #expect(try graph.value(graph.root) == .object(PickleObject(.call, global, [.string("id")])))
  }

  /// Names that are near to an allowed one.
  @Test(arguments: [
    ("torch.", "Size"), ("torch", "Size.__init__"), ("torch", "serialization.os.system"), ("torch.serialization", "os.system"),
    ("Torch", "Size"), (" torch", "Size"), ("torch\0", "Size"), ("torch", "Size\r"), ("ｔｏｒｃｈ", "Size"), ("torch", "\u{200B}Size"),
    ("collections", "OrderedDict.__reduce__"), ("pathlib", "PosixPath.unlink"), ("pathlib", "Path.write_text"), ("", "system"), ("os", ""),
  ])
  func namesNearAnAllowedOneAreRefused(module: String, name: String) {
    for policy in Self.closed {
      for spelling in [Spelling.global, .stackGlobal] {
        let (program, step) = spelling.program(PickleGlobal(module, name))
        let error = #expect(throws: MimoError.self) { try PickleReader.read(program.bytes, policy: policy) }
        #expect(error?.message.hasSuffix("is refused in a \(policy.subject)") == true, "\(String(describing: error))")
        #expect(error?.byte == program.offset(of: step))
      }
    }
  }

  /// What a closed list allows does harm in no hands: all of it is classes of data and the calls that rebuild them.
  @Test func closedListsHoldClassesOfDataAlone() throws {
    let verbs = ["load", "eval", "exec", "system", "open", "getattr", "import", "run", "call", "apply", "compile"]
    for policy in Self.closed {
      let globals = try #require(policy.globals)
      #expect(globals.isDisjoint(with: HostileGlobals.all))
      for global in globals { #expect(!verbs.contains { global.name.lowercased().contains($0) }, "\(global)") }
    }
  }
}

extension PickleProgram.Step {
  /// As many POPs.
  static func popMarkless(_ count: Int) -> PickleProgram.Step { .raw([UInt8](repeating: 0x30, count: count)) }
}
