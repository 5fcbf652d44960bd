/// The name of a model in the Hugging Face hub: `Qwen/Qwen3-VL-8B-Instruct`, or as its folder in the cache is called
/// (`models--Qwen--Qwen3-VL-8B-Instruct`), each with `@REVISION` or without.
package struct HubName: Sendable, Equatable {
  /// With a slash, or without where the model has no owner (`gpt2`).
  package let model: String
  /// A branch, a tag or a commit; nil for the cache's `main`.
  package let revision: String?

  private static let folderPrefix = "models--"

  /// nil where a text can not be such a name.
  package init?(_ text: String) {
    let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(halves[0])
    revision = halves.count == 2 ? String(halves[1]) : nil
    let parts: [String]
    if name.hasPrefix(HubName.folderPrefix) {
      parts = HubName.parts(ofFolder: name.dropFirst(HubName.folderPrefix.count))
      guard parts.count == 1 || parts.count == 2 else { return nil }
    } else {
      parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else { return nil }
    }
    guard parts.allSatisfy(HubName.isPart), revision.map(HubName.isRevision) ?? true else { return nil }
    model = parts.joined(separator: "/")
  }

  /// The folder that the cache keeps the model in.
  package var folder: String { HubName.folderPrefix + model.split(separator: "/").joined(separator: "--") }

  /// What downloads it.
  package var download: String { "hf download \(model)" + (revision.map { " --revision \($0)" } ?? "") }

  /// The cache writes two dashes for the slash; the hub allows them in no name.
  private static func parts(ofFolder name: Substring) -> [String] {
    var parts = [""]
    var rest = name
    while let first = rest.first {
      if rest.hasPrefix("--") {
        parts.append("")
        rest = rest.dropFirst(2)
      } else {
        parts[parts.count - 1].append(first)
        rest = rest.dropFirst()
      }
    }
    return parts
  }

  private static func isPart(_ part: String) -> Bool {
    guard let first = part.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return false }
    return part.utf8.allSatisfy(isPlain)
  }

  /// A branch may have slashes; it leads nowhere else.
  private static func isRevision(_ text: String) -> Bool {
    text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy(isPlain)
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }
}
