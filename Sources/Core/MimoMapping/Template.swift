import Glibc

/// Names with `{layer}` and `{expert}` for the numbers of a layer and an expert.
package enum Template {
  package static let layer = "{layer}"
  package static let expert = "{expert}"

  /// The name with the placeholders filled in; one that has no number stays.
  ///
  /// Plans ask this a million times: the bytes are copied as they lie.
  package static func fill(_ template: String, layer: Int?, expert: Int?) -> String {
    var template = template
    return template.withUTF8 { text in
      // A placeholder has seven bytes or more, a number at most twenty.
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: text.count * 3) { filled in
        var count = 0
        var rest = text[...]
        while let open = find(UInt8(ascii: "{"), in: rest) {
          count = append(rest[..<open], to: filled, at: count)
          if let layer, begins(rest[open...], with: Template.layer) {
            count = append(layer, to: filled, at: count)
            rest = rest[(open + Template.layer.utf8.count)...]
          } else if let expert, begins(rest[open...], with: Template.expert) {
            count = append(expert, to: filled, at: count)
            rest = rest[(open + Template.expert.utf8.count)...]
          } else {
            count = append(rest[open...open], to: filled, at: count)
            rest = rest[(open + 1)...]
          }
        }
        count = append(rest, to: filled, at: count)
        return String(decoding: filled[..<count], as: UTF8.self)
      }
    }
  }

  package static func has(_ placeholder: String, in template: String) -> Bool {
    var template = template
    return template.withUTF8 { text in
      var rest = text[...]
      while let open = find(UInt8(ascii: "{"), in: rest) {
        if begins(rest[open...], with: placeholder) { return true }
        rest = rest[(open + 1)...]
      }
      return false
    }
  }

  private typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

  private static func find(_ byte: UInt8, in text: Bytes) -> Int? {
    guard let base = text.base.baseAddress, !text.isEmpty,
      let hit = memchr(base + text.startIndex, CInt(byte), text.count)
    else { return nil }
    return UnsafeRawPointer(hit) - UnsafeRawPointer(base)
  }

  private static func begins(_ text: Bytes, with placeholder: String) -> Bool {
    text.count >= placeholder.utf8.count && text.starts(with: placeholder.utf8)
  }

  /// The number of bytes that are there afterwards.
  private static func append(_ bytes: Bytes, to filled: UnsafeMutableBufferPointer<UInt8>, at count: Int) -> Int {
    for (offset, byte) in bytes.enumerated() { filled[count + offset] = byte }
    return count + bytes.count
  }

  private static func append(_ number: Int, to filled: UnsafeMutableBufferPointer<UInt8>, at count: Int) -> Int {
    var end = count
    for digit in String(number).utf8 {
      filled[end] = digit
      end += 1
    }
    return end
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
