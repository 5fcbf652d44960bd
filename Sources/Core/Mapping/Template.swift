import Glibc

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
    find(placeholder, in: template[...]) != nil
  }

  private static func replace(_ placeholder: String, in text: String, with number: Int) -> String {
    var result = ""
    var rest = text[...]
    while let start = find(placeholder, in: rest) {
      let open = rest.utf8.index(rest.startIndex, offsetBy: start)
      result += rest[..<open]
      result += String(number)
      rest = rest[rest.utf8.index(open, offsetBy: placeholder.utf8.count)...]
    }
    return result.isEmpty ? String(rest) : result + rest
  }

  /// Where a placeholder begins, in bytes. Plans ask this a million times: the bytes are searched as they lie.
  private static func find(_ needle: String, in text: Substring) -> Int? {
    var (needle, text) = (needle, text)
    return text.withUTF8 { text in
      needle.withUTF8 { needle in
        guard let place = text.baseAddress, let wanted = needle.baseAddress else { return nil }
        var start = 0
        while start + needle.count <= text.count {
          guard let hit = memchr(place + start, CInt(wanted[0]), text.count - needle.count - start + 1) else { return nil }
          start = UnsafeRawPointer(hit) - UnsafeRawPointer(place)
          if memcmp(hit, wanted, needle.count) == 0 { return start }
          start += 1
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
