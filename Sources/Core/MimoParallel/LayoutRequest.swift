/// The parallel layout that the user asks for, as written.
package enum LayoutRequest: Sendable, Hashable {
  /// Each component on ranks of its own.
  case mimo([ComponentRequest])
  /// One grid for the whole model.
  case single(ClusterLayout.SingleRequest)
}
