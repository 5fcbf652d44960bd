/// Thrown once the host holds the reason; carries nothing itself.
package struct Refusal: Error {
  package init() {}
}
