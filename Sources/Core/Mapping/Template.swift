/// Names with `{layer}` and `{expert}` for the numbers of a layer and an expert.
package enum Template {
  package static let layer = "{layer}"
  package static let expert = "{expert}"

  /// The name with the placeholders filled in; one that has no number stays.
  package static func fill(_ template: String, layer: Int?, expert: Int?) -> String {
    var result = template
    if let layer { result = replace(Template.layer, in: result, with: layer) }
    if let expert { result = replace(Template.expert, in: result, with: expert) }
    return result
  }

  package static func has(_ placeholder: String, in template: String) -> Bool {
    find(placeholder, in: template) != nil
  }

  private static func replace(_ placeholder: String, in text: String, with number: Int) -> String {
    var result = text
    while let start = find(placeholder, in: result) {
      let bytes = result.utf8
      let open = bytes.index(bytes.startIndex, offsetBy: start)
      result.replaceSubrange(open..<bytes.index(open, offsetBy: placeholder.utf8.count), with: String(number))
    }
    return result
  }

  /// Where a placeholder begins, in bytes. Plans ask this a million times: the bytes are searched as they lie.
  private static func find(_ needle: String, in text: String) -> Int? {
    var (needle, text) = (needle, text)
    return text.withUTF8 { text in
      needle.withUTF8 { needle in
        guard let first = needle.first, text.count >= needle.count else { return nil }
        for start in 0...(text.count - needle.count) where text[start] == first {
          if (1..<needle.count).allSatisfy({ text[start + $0] == needle[$0] }) { return start }
        }
        return nil
      }
    }
  }
}

/// Names matched against a pattern in which `*` stands for any run of characters.
package enum Pattern {
  /// - Complexity: O(pattern x name) at worst.
  package static func matches(_ pattern: String, _ name: String) -> Bool {
    let p = Array(pattern.utf8)
    let n = Array(name.utf8)
    let star = UInt8(ascii: "*")
    var (i, j) = (0, 0)
    var backtrack: (pattern: Int, name: Int)?
    while j < n.count {
      if i < p.count, p[i] == star {
        backtrack = (i + 1, j)
        i += 1
      } else if i < p.count, p[i] == n[j] {
        i += 1
        j += 1
      } else if let (pattern, name) = backtrack {
        backtrack = (pattern, name + 1)
        i = pattern
        j = name + 1
      } else {
        return false
      }
    }
    return p[i...].allSatisfy { $0 == star }
  }
}
