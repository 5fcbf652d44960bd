import PluginKit

/// What prime-rl's layout has of its own. Source: prime-rl, `converting_nemotron_h`.
extension NemotronH {
  /// Experts without a gate: w1 is up, w2 is down, and an empty w3 stands for the gate that expert parallel code asks for.
  func describePrime(_ experts: ExpertShape, _ mlp: Part) throws(Refusal) {
    try mlp.keep("gate.weight", as: "router.gate", [experts.count, shape.hidden])
    let bias = try mlp.unkept.read("gate.e_score_correction_bias", [experts.count], published: .f32)
    // Lossy there and here: only differences decide who is chosen, so the shift is not undone on the way back.
    try mlp.keep(try bias.withoutMinimum(), as: "router.e_score_correction_bias")
    let (inner, hidden) = (experts.intermediate, experts.hidden)
    let up = try mlp.stack({ "experts.\($0).up_proj.weight" }, experts.count, rows: inner, columns: hidden)
    let down = try mlp.stack({ "experts.\($0).down_proj.weight" }, experts.count, rows: hidden, columns: inner)
    try mlp.keep(up, as: "experts.w1")
    try mlp.keep(down, as: "experts.w2")
    try mlp.keep(try model.zeros([0]), as: "experts.w3", dtype: .f32)
  }

  func finishPrime(_ root: Part) throws(Refusal) {
    try root.keep("norm_f.weight", as: "norm.weight", [shape.hidden])
    try model.dropPrimeBuffers()
    guard shape.predictions > 0 else { return }
    let reason = "prime-rl has no multi-token prediction for Nemotron-H"
    try model.drop("mtp.*", reason: reason)
    try model.configOverride("num_nextn_predict_layers", .int(0), reason: reason)
  }
}
