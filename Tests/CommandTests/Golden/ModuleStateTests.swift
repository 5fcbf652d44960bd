import MimoContainers
import Testing

/// What `_extra_state` entries hold, which is no tensor.
@Suite(
  .enabled(if: ReferenceFolder.golden.isPresent, "the reference's data (shared/golden) does not lie beside this package"))
struct ModuleStateTests {
  @Test(arguments: ReferenceFolder.golden.cases.filter { $0.form == .distributed })
  func everyModuleStateIsTheReferences(_ reference: ReferenceCase) throws {
    let scratch = try Scratch()
    try Host.convert(reference.command(to: scratch("out")))
    let (made, expected) = (try states(at: scratch("out")), try states(at: reference.path))
    #expect(made == expected, "\(made.filter { expected[$0.key] != $0.value }.keys.sorted().prefix(4))")
    #expect(!expected.isEmpty)
  }

  private func states(at path: String) throws -> [String: PickleValue] {
    let checkpoint = try DistCheckpoint.open(path)
    let objects = checkpoint.objects.filter { $0.key.contains("._extra_state/") }
    return Dictionary(uniqueKeysWithValues: try objects.map { ($0.key, try checkpoint.read($0).value) })
  }
}
