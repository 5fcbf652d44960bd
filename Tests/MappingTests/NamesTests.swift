import AlgebraSupport
import MimoMapping
import Testing

@Suite struct TemplateTests {
  @Test(arguments: [
    ("layers.{layer}.mlp", 3, nil, "layers.3.mlp"),
    ("{layer}", 12, nil, "12"),
    ("layers.{layer}.experts.{expert}.fc1", 3, 17, "layers.3.experts.17.fc1"),
    ("{expert}.{layer}", 1, 2, "2.1"),
    ("layers.{layer}.experts.{expert}", nil, 5, "layers.{layer}.experts.5"),
    ("layers.{layer}.experts.{expert}", nil, nil, "layers.{layer}.experts.{expert}"),
    ("no placeholder", 1, 2, "no placeholder"),
    ("{{layer}}", 4, nil, "{4}"),
    ("{layer", 4, nil, "{layer"),
    ("{lay{layer}", 4, nil, "{lay4"),
    ("ü{layer}ü", 4, nil, "ü4ü"),
    ("{layer}.copy.{layer}", 7, nil, "7.copy.7"),
  ] as [(String, Int?, Int?, String)])
  func placeholdersAreFilled(_ template: String, layer: Int?, expert: Int?, result: String) {
    #expect(Template.fill(template, layer: layer, expert: expert) == result)
  }

  @Test(arguments: [("a.{layer}.b", true), ("{layer}", true), ("{layer", false), ("layer", false), ("", false)])
  func placeholdersAreFound(_ template: String, found: Bool) {
    #expect(Template.has(Template.layer, in: template) == found)
    #expect(!Template.has(Template.expert, in: template))
  }
}

@Suite struct PatternTests {
  @Test(arguments: [
    ("mtp.*", "mtp.layers.0.weight", true), ("mtp.*", "model.mtp.0", false), ("*.mtp.*", "model.mtp.0", true),
    ("*", "", true), ("*", "anything", true), ("", "", true), ("", "a", false), ("a*b*c", "axxbyybzc", true),
    ("a*b*c", "axxbyybz", false), ("**a", "a", true), ("a**", "a", true), ("*a*a*", "a", false), ("[ab]?", "a", false),
    ("*.weight", "a.weight.weight", true), ("ab", "abc", false), ("abc", "ab", false),
  ])
  func aStarIsAnyRun(_ pattern: String, name: String, matches: Bool) {
    #expect(Pattern.matches(pattern, name) == matches)
  }

  @Test func agreesWithTryingEveryLength() {
    func plain(_ pattern: Substring, _ name: Substring) -> Bool {
      guard let first = pattern.first else { return name.isEmpty }
      if first != "*" { return name.first == first && plain(pattern.dropFirst(), name.dropFirst()) }
      return (0...name.count).contains { plain(pattern.dropFirst(), name.dropFirst($0)) }
    }
    for seed in 0..<3000 {
      var random = Seeded(seed)
      func text(_ letters: String) -> String {
        String((0..<random.number(0...6)).compactMap { _ in letters.randomElement(using: &random) })
      }
      let (pattern, name) = (text("ab*"), text("ab"))
      #expect(Pattern.matches(pattern, name) == plain(pattern[...], name[...]), "seed \(seed): \(pattern) on \(name)")
    }
  }

  @Test func manyStarsStayFast() {
    let pattern = String(repeating: "a*", count: 200) + "b"
    #expect(!Pattern.matches(pattern, String(repeating: "a", count: 2000)))
  }
}
