import PluginKit

extension Qwen3VL {
  /// The vision tower lives on the first pipeline stage; its layers are one tensor each in a distributed checkpoint.
  func describeVision() throws(Refusal) {
    let tower = Part(model, component: Component.images.rawValue, source: "model.visual.", stage: .first, layout: layout)
    let patch = [vision.hidden, vision.channels, vision.temporalPatch, vision.patch, vision.patch]
    try tower.replicated("patch_embed.proj.weight", from: "patch_embed.proj.weight", patch)
    try tower.replicated("patch_embed.proj.bias", from: "patch_embed.proj.bias", [vision.hidden])
    try tower.replicated("pos_embed.weight", from: "pos_embed.weight", [vision.positions, vision.hidden])
    for index in 0..<vision.depth {
      try describeBlock(tower.entry("decoder.layers", from: "blocks", index, of: vision.depth, stacked: true))
    }
    for index in 0..<vision.deepstackMergers {
      let list = "deepstack_merger_list"
      let merger = tower.entry("decoder.\(list)", from: list, index, of: vision.deepstackMergers, stacked: true)
      try describeMerger(merger, normSize: vision.hidden * vision.merge * vision.merge)
    }
    try describeMerger(tower.part("merger", from: "merger"), normSize: vision.hidden)
  }

  private func describeBlock(_ block: Part) throws(Refusal) {
    let hidden = vision.hidden
    try block.fusedNorm(in: "self_attention.linear_qkv", from: "norm1", size: hidden, bias: true)
    let attention = block.part("self_attention", from: "attn")
    let headDim = hidden / vision.heads
    try attention.fusedQKV(from: "qkv", hidden: hidden, heads: vision.heads, headDim: headDim, bias: true)
    try attention.rowParallel(
      "linear_proj", from: "proj", rows: hidden, columns: hidden, bias: true, unit: headDim, of: "attention head")
    try block.fusedNorm(in: "mlp.linear_fc1", from: "norm2", size: hidden, bias: true)
    try block.part("mlp", from: "mlp").plainMLP(hidden: hidden, intermediate: vision.intermediate, bias: true)
  }

  /// Joins merge x merge patches into one language token. Deepstack mergers norm after joining, the last one before.
  private func describeMerger(_ merger: Part, normSize: Int) throws(Refusal) {
    let joined = vision.hidden * vision.merge * vision.merge
    try merger.norm("patch_norm", from: "norm", size: normSize, bias: true)
    try merger.columnParallel(
      "linear_fc1", from: "linear_fc1", rows: joined, columns: joined, bias: true, of: "merged row")
    try merger.rowParallel(
      "linear_fc2", from: "linear_fc2", rows: vision.output, columns: joined, bias: true, of: "merged row")
  }
}
