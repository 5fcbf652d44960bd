import MimoParallel
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// What is said of a run to the same place that was another one.
@Suite struct RunIdentityTests {
  private static func identity(_ changed: String? = nil, layout: String = "tp=2 on 2 ranks") -> RunIdentity {
    var identity = RunIdentity()
    for name in ["mimo-host", "--plugin", "plugin file", "--to", "file /model/a.safetensors"] {
      identity.add(name, name == changed ? "new" : "old")
    }
    identity.add("layout", layout)
    return identity
  }

  @Test(arguments: [("--to", true), ("--plugin", true), ("file /model/a.safetensors", false), ("plugin file", false), ("mimo-host", false)])
  func theFormerCommandIsNamedOnlyWhereItWouldGoOn(changed: String, canReturn: Bool) {
    let begun = RunIdentityTests.identity()
    let now = RunIdentityTests.identity(changed)
    #expect(now.differences(from: begun).count == 1)
    #expect(now.canBecome(begun) == canReturn)
  }

  /// A layout in a message is what a user writes, not the JSON of a report.
  @Test func aLayoutIsSaidInWords() throws {
    let cluster = try ClusterLayout.single(.init(), worldSize: nil)
    #expect(cluster.words.hasSuffix(" on 1 rank") && !cluster.words.contains("{") && !cluster.words.contains("\""))
  }
}
