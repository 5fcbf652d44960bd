import MimoSystem
import Testing

@testable import MimoParallel

/// The line that a user reads when `body` is refused; nil when it is not.
func refusal(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}

@Suite struct ComponentRequestTests {
  @Test func readsEveryOption() throws {
    let request = try ComponentRequest(
      parsing: "language=tp=4, pp=2,dp=1,cp=3,ep=8,etp=2,fsdp=7,pp_first=5,pp_last=6,rank_offset=0")
    #expect(request.name == "language")
    let expected: [(ComponentRequest.Option, Int)] = [
      (.tp, 4), (.pp, 2), (.dp, 1), (.cp, 3), (.ep, 8), (.etp, 2), (.fsdp, 7), (.ppFirst, 5), (.ppLast, 6), (.rankOffset, 0),
    ]
    #expect(expected.count == ComponentRequest.Option.allCases.count)
    for (option, value) in expected { #expect(request[option] == value) }
  }

  @Test func leavesOutWhatIsNotWritten() throws {
    let request = try ComponentRequest(parsing: "images=tp=2")
    #expect(request[.tp] == 2)
    #expect(request[.dp] == nil)
    #expect(request[.rankOffset] == nil)
  }

  @Test(arguments: [
    ("language=tp=2", true, "etp of language is 1; before this version it was tp (2). Write etp=2 for the former layout."),
    ("language=tp=2,etp=1", true, nil), ("language=tp=1", true, nil), ("language=pp=2", true, nil), ("language=tp=2", false, nil),
  ])
  func aDefaultThatWasAnotherIsTold(text: String, hasExperts: Bool, note: String?) throws {
    #expect(try ComponentRequest(parsing: text).changedDefaultNote(hasExperts: hasExperts) == note)
  }

  @Test(arguments: [
    ("language", "no component name. Write \(ComponentRequest.syntax)"),
    ("=tp=1", "no component name. Write \(ComponentRequest.syntax)"),
    ("language=", "'' is not of the form option=N. Write \(ComponentRequest.syntax)"),
    ("language=4", "'4' is not of the form option=N. Write \(ComponentRequest.syntax)"),
    ("language=tp=1,", "'' is not of the form option=N. Write \(ComponentRequest.syntax)"),
    (
      "language=tq=1",
      "unknown option 'tq'. The options are tp, pp, dp, cp, ep, etp, fsdp, pp_first, pp_last, rank_offset"
    ),
    ("language=tp=1,tp=2", "tp is given twice"),
    ("language=tp=two", "tp wants a whole number, not 'two'"),
    ("language=tp=+2", "tp wants a whole number, not '+2'"),
    ("language=tp=", "tp wants a whole number, not ''"),
    ("language=tp=0", "tp is at least 1, not 0"),
    ("language=tp=1,rank_offset=-1", "rank_offset is at least 0, not -1"),
    ("language=tp=99999999", "tp is at most 16777216"),
    ("language=tp=99999999999999999999", "tp wants a whole number, not '99999999999999999999'"),
  ])
  func saysWhatIsWrong(text: String, reason: String) {
    let said = refusal { _ = try ComponentRequest(parsing: text) }
    #expect(said == "--component '\(text)': \(reason)")
  }
}
