import PluginABI

/// What config.json says about quantised weights.
///
/// Weights are decoded at import and written plain on export, so the section is taken out of an exported config.
struct Quantization {
  /// Whether FP8 and MXFP4 sources are declared as such: not on an export, and not when the config names the other.
  var decodesFP8 = true
  var decodesMXFP4 = true
  /// Rows and columns of an FP8 block.
  var blockRows = 128
  var blockColumns = 128

  init() {}

  /// Refuses methods that are not decoded.
  init(reading model: Model) throws(Refusal) {
    if let asked = try model.option("quantized"), asked.matches("no") { (decodesFP8, decodesMXFP4) = (false, false) }
    guard model.config.has("quantization_config") else { return }
    let section = model.config["quantization_config"]
    let method = try section.text("quant_method")
    if let method, method.matches("fp8") {
      try readBlock(section)
      decodesMXFP4 = false
    } else {
      decodesFP8 = false
      guard let method, method.matches("mxfp4") else {
        throw section.refuse("quant_method", "is none that is decoded: fp8 with blocks, mxfp4")
      }
    }
    try model.configOverride(
      "quantization_config", .remove, reason: "the weights are written as plain values, not quantised anew")
  }

  private mutating func readBlock(_ section: Config) throws(Refusal) {
    let sides = try section.integers("weight_block_size")
    guard sides.count == 2, sides[0] > 0, sides[1] > 0, max(sides[0], sides[1]) <= 1 << 20 else {
      throw section.refuse("weight_block_size", "must be two sizes: FP8 weights are decoded with a scale a block only")
    }
    (blockRows, blockColumns) = (sides[0], sides[1])
    guard let format = try section.text("fmt") else { return }
    guard format.matches("e4m3") || format.matches("float8_e4m3fn") else {
      throw section.refuse("fmt", "is not e4m3")
    }
  }
}

extension Model {
  /// The values of FP8 codes under `name`; nil when the checkpoint holds no scales for it.
  func fp8(_ name: String, _ shape: [Int]) throws(Refusal) -> Node? {
    guard quantization.decodesFP8, shape.count >= 2 else { return nil }
    let scales = name + "_scale_inv"
    guard state(of: scales) == .present else { return nil }
    return try decode(MIMO_ENCODING_FP8_BLOCK, name, codes: name, scales: scales, shape)
  }

  /// The values of MXFP4 codes under `<name>_blocks` and `<name>_scales`; nil when the checkpoint holds none.
  package func mxfp4(_ name: String, _ shape: [Int]) throws(Refusal) -> Node? {
    guard quantization.decodesMXFP4 else { return nil }
    let (codes, scales) = (name + "_blocks", name + "_scales")
    guard state(of: codes) == .present || state(of: scales) == .present else { return nil }
    return try decode(MIMO_ENCODING_MXFP4, name, codes: codes, scales: scales, shape)
  }

  private func decode(
    _ kind: UInt32, _ name: String, codes: String, scales: String, _ shape: [Int]
  ) throws(Refusal) -> Node {
    let dims = shape.map { Int64($0) }
    let isBlock = kind == MIMO_ENCODING_FP8_BLOCK
    let id = name.lend { name in
      codes.lend { codes in
        scales.lend { scales in
          dims.withUnsafeBufferPointer { d in
            var encoding = mimo_encoding(
              struct_size: UInt32(MemoryLayout<mimo_encoding>.size), kind: kind, name: name, codes: codes,
              scales: scales, dims: d.baseAddress, rank: UInt32(d.count), reserved: 0,
              block_rows: isBlock ? Int64(quantization.blockRows) : 0,
              block_columns: isBlock ? Int64(quantization.blockColumns) : 0)
            return host.pointee.decode(builder, &encoding)
          }
        }
      }
    }
    return try node(id, shape)
  }
}

extension Part {
  /// The same below this part's prefix.
  package func mxfp4(_ name: String, _ shape: [Int]) throws(Refusal) -> Node? {
    try model.mxfp4(source + name, shape)
  }
}
