import MimoSystem

/// Reads pickles as data: opcodes make inert nodes, no name is looked up and nothing is called.
package enum PickleReader {
  /// The graph of one pickle, which must fill `bytes` to the last one.
  ///
  /// - Parameter origin: where in the file the pickle begins, for errors.
  package static func read(
    _ bytes: [UInt8], policy: PicklePolicy, path: String? = nil, origin: UInt64 = 0
  ) throws(MimoError) -> PickleGraph {
    guard bytes.count <= policy.maximumByteCount, bytes.count < UInt32.max else {
      throw MimoError(
        .invalidInput, "the pickle of \(bytes.count) bytes is larger than a \(policy.subject) may be", path: path,
        byte: origin)
    }
    var machine = PickleMachine(bytes, policy: policy, path: path, origin: origin)
    try machine.run()
    guard machine.position == bytes.count else {
      throw MimoError(
        .invalidInput, "the pickle ends before its file does", path: path, byte: origin + UInt64(machine.position))
    }
    return machine.graph
  }
}
