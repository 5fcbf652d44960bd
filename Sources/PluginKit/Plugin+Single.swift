extension Plugin {
  /// A family that is one language model, in Megatron's single-model names.
  package static func language(
    _ family: StaticString, version: StaticString = "1.0.0", architectures: [StaticString],
    layouts: [StaticString] = ["megatron", "prime"]
  ) -> Plugin {
    Plugin(
      family: family, version: version, architectures: architectures,
      components: [Component(name: "language", sourcePrefix: "", modulePath: "language_model")], layouts: layouts)
  }
}

extension Part {
  /// The whole of a model that is one component, at its first pipeline stage.
  ///
  /// `prime`: its prefix in layout prime, where that is another.
  package init(_ model: Model, source: String, layout: Layout = .megatron, prime: String? = nil) {
    self.init(model, component: 0, source: source, stage: .first, layout: layout, prime: prime)
  }
}
