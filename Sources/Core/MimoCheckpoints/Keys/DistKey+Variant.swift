import MimoMapping
import MimoParallel

extension DistKey {
  /// One of the forms in which megatron-core versions and models store a target.
  package struct Variant: Sendable, Hashable {
    /// Which parts of a split target have a key of their own.
    package enum Parts: Sendable, Hashable {
      /// Those that the plugin named: `.query`, `.key`.
      case named
      /// None: one key for all.
      case together
      /// Both halves of a gated projection: `_w` and `_v`, as with `singleton_local_shards`.
      case halves
    }

    /// The key's template; nil for the declared one.
    package var key: String?
    package var parts = Parts.named

    package init(key: String? = nil, parts: Parts = .named) {
      self.key = key
      self.parts = parts
    }

    /// What a segment's key ends in; nil when it shares its key with the others.
    func suffix(_ segments: [Placement.Segment], _ segment: Int) -> String? {
      switch parts {
      case .named: segments[segment].name.isEmpty ? nil : "." + segments[segment].name
      case .together: nil
      case .halves: segment == 0 ? "_w" : "_v"
      }
    }

    /// The segments that each have a key.
    package func segments(of target: TargetDeclaration) -> [Int] {
      let segments = target.placement.segments
      switch parts {
      case .named: return segments.contains { !$0.name.isEmpty } ? Array(segments.indices) : [0]
      case .together: return [0]
      case .halves: return [0, 1]
      }
    }
  }

  /// The forms to look for, the declared one first.
  package static func variants(of target: TargetDeclaration) -> [Variant] {
    var keys: [String?] = [nil]
    for other in [otherLayerForm(of: target.key, name: target.name), singletonForm(of: target.key)] where other != nil {
      keys.append(other)
    }
    if let layered = keys.compactMap({ $0 }).first, let both = singletonForm(of: layered) { keys.append(both) }
    let segments = target.placement.segments
    var parts: [Variant.Parts] = [.named]
    if segments.contains(where: { !$0.name.isEmpty }) { parts.append(.together) }
    if segments.count == 2, segments.allSatisfy({ $0.name.isEmpty }) { parts.append(.halves) }
    return parts.flatMap { part in keys.map { Variant(key: $0, parts: part) } }
  }

  /// `decoder.layers.{layer}.x` <-> `decoder.layers.x`.
  private static func otherLayerForm(of key: String, name: String) -> String? {
    guard let place = position(of: Template.layer, in: name) else { return nil }
    if let own = position(of: Template.layer, in: key) {
      return String(key[..<own.lowerBound] + key[key.index(after: own.upperBound)...])
    }
    let head = name[..<place.lowerBound]
    guard key.hasPrefix(head) else { return nil }
    return head + Template.layer + "." + key.dropFirst(head.count)
  }

  /// `experts.experts.x` -> `experts.experts.{expert}.x`.
  private static func singletonForm(of key: String) -> String? {
    let marker = "experts.experts."
    guard !Template.has(Template.expert, in: key), let place = position(of: marker, in: key) else { return nil }
    return key[..<place.upperBound] + Template.expert + "." + key[place.upperBound...]
  }

  private static func position(of needle: String, in text: String) -> Range<String.Index>? {
    var start = text.startIndex
    while start < text.endIndex {
      if text[start...].hasPrefix(needle) { return start..<text.index(start, offsetBy: needle.count) }
      start = text.index(after: start)
    }
    return nil
  }
}
