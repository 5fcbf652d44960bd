/// A component that comes from another checkpoint.
package struct Splice: Sendable, Hashable {
  package var component: String
  package var path: String

  package init(component: String, path: String) {
    self.component = component
    self.path = path
  }
}
