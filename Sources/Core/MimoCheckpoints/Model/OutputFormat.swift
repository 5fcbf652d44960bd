/// The format to write.
package enum OutputFormat: String, Sendable, CaseIterable {
  /// A distributed checkpoint of a MIMO model.
  case mimo
  /// A distributed checkpoint of a single model.
  case megatron
  /// A distributed checkpoint of a model under Megatron-FSDP, single or MIMO.
  case fsdpDTensor = "fsdp_dtensor"
  /// A safetensors file a rank.
  case ranks
  /// A folder in prime-rl's layout.
  case prime
}
