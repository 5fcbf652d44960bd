/// The names and forms that a plugin is asked to describe a model in.
package enum Layout: UInt8 {
  /// Megatron, one module tree for each component; no multi-token prediction.
  case mimo
  /// Megatron's single model.
  case megatron
  /// prime-rl's model.
  case prime

  package init(_ name: Text, _ model: Model) throws(Refusal) {
    if name.matches("mimo") {
      self = .mimo
    } else if name.matches("megatron") {
      self = .megatron
    } else if name.matches("prime") {
      self = .prime
    } else {
      throw model.fail("layout \(name.string) is not one of mimo, megatron, prime")
    }
  }
}
