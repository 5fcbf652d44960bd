import MimoCheckpoints
import MimoMapping
import MimoParallel
import MimoPluginHost
import MimoSystem
import MimoTensor

extension FuzzTarget {
  /// Whatever comes from a plugin's process, in portions as a socket hands them over.
  package static let answer = FuzzTarget(name: "answer") { (bytes) throws(MimoError) in
    let answer = PluginAnswer(path: "libToy.so", limit: DescribeSession.declarationLimit)
    for start in stride(from: 0, to: bytes.count, by: 1000) {
      try answer.receive(bytes[start..<min(start + 1000, bytes.count)])
    }
    try use(answer)
  }

  /// The declarations of an answer that is sound otherwise: no fuzzer keeps the length before them right.
  package static let declarations = FuzzTarget(name: "declarations") { (bytes) throws(MimoError) in
    let answer = PluginAnswer(path: "libToy.so", limit: DescribeSession.declarationLimit)
    try answer.receive(table[...])
    try answer.receive(PluginFrame.declarations.bytes(bytes)[...])
    try answer.receive(PluginFrame.done.bytes([])[...])
    try use(answer)
  }

  /// What the host asks a plugin's process.
  package static let request = FuzzTarget(name: "request") { (bytes) throws(MimoError) in
    let request = try WireReader.read(bytes) { (wire) throws(MimoError) in try DescribeRequest(from: &wire) }
    var wire = WireWriter()
    request.write(to: &wire)
    var again = WireWriter()
    try WireReader.read(wire.bytes) { (wire) throws(MimoError) in try DescribeRequest(from: &wire) }.write(to: &again)
    // The order of tensors is that of a dictionary, their number and the rest of the bytes are not.
    guard wire.bytes.sorted() == again.bytes.sorted() else {
      throw MimoError(.internalError, "the request does not come out as it was")
    }
  }

  /// The table of a plugin with two components.
  private static let table: [UInt8] = {
    var info = WireWriter()
    info.int(1)
    for text in ["Toy", "1"] { info.text(text) }
    for names in [["ToyModel"], ["megatron"]] { info.list(names) { $0.text($1) } }
    info.list(["language", "images"]) { wire, name in
      for text in [name, "", name == "images" ? name : "", name] { wire.text(text) }
    }
    return PluginFrame.info.bytes(info.bytes)
  }()

  /// As the host does: the description, its proof, and what each rank holds of it.
  private static func use(_ answer: PluginAnswer) throws(MimoError) {
    if case .failure(let error) = answer.result { throw error }
    guard answer.result != nil else { throw MimoError(.plugin, "it has no end") }
    let description = try answer.description()
    try Coverage.prove(description)
    let components = answer.info?.components.map { (name: $0.name, prefix: "\($0.name).") } ?? []
    for sizes in [ClusterLayout.SingleRequest(), .init(tp: 2, pp: 2)] {
      let layout = try ModelLayout(
        description, components: components, cluster: try ClusterLayout.single(sizes), padVocabulary: true)
      for sharding in layout.shardings { for rank in 0..<layout.cluster.worldSize { _ = sharding.pieces(on: rank) } }
    }
  }
}
