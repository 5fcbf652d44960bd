/// The linear layers and norms that families are built of, in Megatron's terms.
extension Part {
  /// Cut along its output rows; each segment is cut for itself.
  package func columnParallel(
    _ module: String, _ weight: Node, bias: Node? = nil, segments: [Segment]
  ) throws(Refusal) {
    try target("\(module).weight", weight, .split(0, segments))
    if let bias { try target("\(module).bias", bias, .split(0, segments)) }
    try extraState(module)
  }

  /// The same from one tensor of the checkpoint, `<source>.weight` and `<source>.bias`.
  package func columnParallel(
    _ module: String, from source: String, rows: Int, columns: Int, bias: Bool = false, unit: Int = 1,
    of unitName: StaticString
  ) throws(Refusal) {
    let weight = try read("\(source).weight", [rows, columns])
    var biasNode: Node?
    if bias { biasNode = try read("\(source).bias", [rows]) }
    try columnParallel(module, weight, bias: biasNode, segments: [Segment(rows, unit: unit, of: unitName)])
  }

  /// Cut along its input columns; the bias is on every rank.
  package func rowParallel(
    _ module: String, from source: String, rows: Int, columns: Int, bias: Bool = false, unit: Int = 1,
    of unitName: StaticString
  ) throws(Refusal) {
    let weight = try read("\(source).weight", [rows, columns])
    try target("\(module).weight", weight, .split(1, [Segment(columns, unit: unit, of: unitName)]))
    if bias { try target("\(module).bias", try read("\(source).bias", [rows])) }
    try extraState(module)
  }

  /// A norm that is a module of its own.
  package func norm(_ module: String, from source: String, size: Int, bias: Bool = false) throws(Refusal) {
    try target("\(module).weight", try read("\(source).weight", [size]))
    if bias { try target("\(module).bias", try read("\(source).bias", [size])) }
    try extraState(module)
  }

  /// A norm that lives in the linear layer after it.
  package func fusedNorm(in module: String, from source: String, size: Int, bias: Bool = false) throws(Refusal) {
    try target("\(module).layer_norm_weight", try read("\(source).weight", [size]))
    if bias { try target("\(module).layer_norm_bias", try read("\(source).bias", [size])) }
  }

  /// A tensor that every rank holds as the checkpoint has it.
  package func replicated(_ name: String, from source: String, _ shape: [Int]) throws(Refusal) {
    try target(name, try read(source, shape))
  }
}
