import MimoSystem

/// A parser of files that may be hostile, as the fuzzer and the test of the corpus call it.
package struct FuzzTarget: Sendable {
  /// Also the name of its folder in the corpus.
  package let name: String
  /// Reads the bytes and all that follows from them. Bad ones end in an error, never in a trap.
  package let parse: @Sendable ([UInt8]) throws(MimoError) -> Void

  package static let all: [FuzzTarget] = [
    safetensors, index, config, metadata, item, common, report, journal, manifest, layout, legacy, answer, declarations,
    request,
  ]

  package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }

  /// What a user must never see, found in an error.
  package enum Fault: Error, CustomStringConvertible {
    case notOneLine(MimoError)
    case internalError(MimoError)
    package var description: String {
      switch self {
      case .notOneLine(let error): "an error that is not one line: \(error.description.debugDescription)"
      case .internalError(let error): "a fault of ours: \(error)"
      }
    }
  }

  /// Whether the parser gave a value; throws only a `Fault`.
  package func accepts(_ bytes: [UInt8]) throws(Fault) -> Bool {
    do throws(MimoError) {
      try parse(bytes)
      return true
    } catch {
      guard error.code != .internalError else { throw .internalError(error) }
      let line = error.description
      guard !line.isEmpty, line.utf8.count < 5000, line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw .notOneLine(error)
      }
      return false
    }
  }

  /// Ends the process where the parser breaks a promise: what a fuzzer takes for a crash.
  package func check(_ bytes: [UInt8]) {
    do throws(Fault) { _ = try accepts(bytes) } catch { fatalError("\(name): \(error)") }
  }
}
