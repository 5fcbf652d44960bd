import Foundation
import Testing

/// Every output of the reference, for every family that has a plugin here.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct GoldenTests {
  @Test(arguments: ReferenceFolder.golden.cases)
  func everyTensorIsTheReferences(_ reference: ReferenceCase) throws {
    try ReferenceChecks.outputIsTheReferences(reference)
  }

  @Test(arguments: ReferenceFolder.golden.reversible)
  func whatWeWriteComesBack(_ reference: ReferenceCase) throws {
    try ReferenceChecks.outputComesBack(reference)
  }

  /// Not worse than the reference: what it lists as different may be right, what it lists as missing was never there.
  @Test(arguments: ReferenceFolder.golden.checkpoints)
  func whatTheReferenceWroteComesBack(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let back = scratch("back")
    try Host.convert([
      "--plugin", reference.plugin, "--to", "hf", "--hf-config", reference.source, reference.path, back,
    ])
    let losses = try ReferenceLosses(reference)
    var original = try TensorFact.folder(reference.source)
    var returned = try TensorFact.folder(back)
    for name in losses.missing { original[name] = nil }
    for name in losses.different {
      #expect(returned[name]?.shape == original[name]?.shape && returned[name] != nil, "\(name)")
      original[name] = nil
      returned[name] = nil
    }
    expectEqual(returned, original, reference.testDescription)
  }
}

/// The same on what is kept in this repository: two families, the reference's outputs as digests.
@Suite struct FixtureTests {
  static let cases = fixtureCases()

  @Test func thereAreFixtures() { #expect(FixtureTests.cases.count >= 8) }

  @Test(arguments: cases) func everyTensorIsTheReferences(_ reference: ReferenceCase) throws {
    try ReferenceChecks.outputIsTheReferences(reference)
  }

  @Test(arguments: cases) func whatWeWriteComesBack(_ reference: ReferenceCase) throws {
    try ReferenceChecks.outputComesBack(reference)
  }

  private static func fixtureCases() -> [ReferenceCase] {
    let files = FileManager.default
    let root = Fixtures.root
    return ((try? files.contentsOfDirectory(atPath: root)) ?? []).sorted().flatMap { family -> [ReferenceCase] in
      let folder = "\(root)/\(family)"
      guard let plugin = ReferenceFolder.plugin(of: "\(folder)/hf") else { return [] }
      let tables = ((try? files.contentsOfDirectory(atPath: "\(folder)/expected")) ?? []).sorted()
      return tables.compactMap { (table) -> ReferenceCase? in
        guard table.hasSuffix(".tsv"), let arguments = try? FactTable.arguments("\(folder)/expected/\(table)") else {
          return nil
        }
        return ReferenceCase(
          folder: folder, output: String(table.dropLast(4)).replacing("+", with: "/"),
          form: arguments.starts(with: ["--to", "ranks"]) ? .ranks : .distributed, plugin: plugin, arguments: arguments,
          table: "\(folder)/expected/\(table)")
      }
    }
  }
}

/// Small checkpoints that lie in this repository; see Tests/Fixtures/README.md.
enum Fixtures {
  static let root = Host.package.appending(path: "Tests/Fixtures").path
  static let dense = "\(root)/qwen3_5_vl/hf"
  static let experts = "\(root)/qwen3_vl_moe/hf"
}

enum ReferenceChecks {
  /// Name, shape, dtype and bits of every tensor; chunks and extra states of distributed checkpoints.
  static func outputIsTheReferences(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let output = scratch("out")
    try Host.convert(reference.command(to: output))
    let expected = try reference.expected()
    var made = try reference.made(at: output)
    // Experts that the reference left unwritten after a warning.
    if FileManager.default.fileExists(atPath: "\(reference.folder)/unwritten_tp1.json"), reference.form == .ranks {
      made = made.filter { expected[$0.key] != nil || !$0.key.contains(".mlp.experts.") }
    }
    expectEqual(made, expected, reference.testDescription)
    #expect(scratch.names == ["out"], "nothing is left beside the output")
  }

  static func outputComesBack(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    let command = ["--plugin", reference.plugin] + reference.arguments + [reference.source]
    try RoundTrip(command, plugin: reference.plugin, source: reference.source, in: scratch).check()
  }
}
