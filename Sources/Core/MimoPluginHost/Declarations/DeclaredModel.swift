import MimoMapping
import MimoSystem

/// A model that is built, call by call, from what a plugin declared elsewhere.
package struct DeclaredModel {
  private var builder: ModelBuilder
  private var declarations = 0
  private let limit: Int

  /// - Parameters:
  ///   - components: names of the plugin's components.
  ///   - limit: declarations that are taken.
  package init(components: [String], limit: Int = DescribeSession.declarationLimit) {
    builder = ModelBuilder(components: components)
    self.limit = limit
  }

  /// Takes a portion of whole declarations.
  package mutating func take(_ wire: inout WireReader) throws(MimoError) {
    while !wire.isAtEnd {
      declarations += 1
      guard declarations <= limit else { throw wire.unreadable("more than \(limit) declarations") }
      try Declaration(from: &wire).apply(to: &builder)
    }
  }

  package func description() throws(MimoError) -> ModelDescription { try builder.finish() }
}
