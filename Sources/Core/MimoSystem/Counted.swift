/// A number with its noun: "1 file", "2 files", "3 entries".
package func counted(_ number: Int, _ noun: String) -> String {
  if number == 1 { return "1 \(noun)" }
  return noun.hasSuffix("y") && !noun.hasSuffix("ey") ? "\(number) \(noun.dropLast())ies" : "\(number) \(noun)s"
}
