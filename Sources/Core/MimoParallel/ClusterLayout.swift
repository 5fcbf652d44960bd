import MimoSystem

/// The layout of all components over all ranks.
package struct ClusterLayout: Sendable {
  package enum Form: Sendable, Hashable {
    /// One grid for the whole model, whatever its components.
    case single
    /// Each component on ranks of its own.
    case mimo
  }

  /// A component and its ranks.
  package struct Component: Sendable, Hashable {
    package let name: String
    package let grid: RankGrid
    package var layout: ComponentLayout { grid.layout }
  }

  /// A component that the plugin declares.
  package struct Declared: Sendable, Hashable {
    package var name: String
    /// Everything but the language model: it has no experts.
    package var isEncoder: Bool
    package init(name: String, isEncoder: Bool) {
      self.name = name
      self.isEncoder = isEncoder
    }
  }

  package let form: Form
  /// MIMO: in the order that the user gave. Single: one, named "model".
  package let components: [Component]
  package let worldSize: Int

  init(form: Form, components: [Component], worldSize: Int) {
    self.form = form
    self.components = components
    self.worldSize = worldSize
  }

  /// The grid that a declared component lives on.
  package func component(named name: String) throws(MimoError) -> Component {
    if form == .single, let only = components.first { return only }
    guard let found = components.first(where: { $0.name == name }) else {
      throw MimoError(.internalError, "component \(name) has no layout")
    }
    return found
  }

  /// The component that a rank works for.
  package func component(ofRank rank: Int) -> Component? {
    components.first { $0.grid.ranks.contains(rank) }
  }
}
