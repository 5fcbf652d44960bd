/// The name that somebody may have meant, nil when none is close.
func nearestName(to written: String, among names: [String]) -> String? {
  let ranked = names.map { (name: $0, distance: editDistance(written, $0)) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= max(1, written.count / 3) ? best.name : nil
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
///
/// Source: optimal string alignment distance (Damerau 1964, Levenshtein 1966).
private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  guard a.count <= 64, b.count <= 64 else { return max(a.count, b.count) }
  var table = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
  for i in 0...a.count { table[i][0] = i }
  for j in 0...b.count { table[0][j] = j }
  for i in 0..<a.count {
    for j in 0..<b.count {
      let substitution = table[i][j] + (a[i] == b[j] ? 0 : 1)
      var best = min(table[i][j + 1] + 1, table[i + 1][j] + 1, substitution)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, table[i - 1][j - 1] + 1) }
      table[i + 1][j + 1] = best
    }
  }
  return table[a.count][b.count]
}
