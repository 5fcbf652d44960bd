import Foundation
import Testing

/// Names that are not UTF-8 are refused before anything is made: repaired, they would be other names.
@Suite struct StrangeNameTests {
  @Test(arguments: ["OUT", "SOURCE", "option", "folder"]) func aNameThatIsNotUTF8IsNeverRepaired(_ place: String) throws {
    let scratch = try Scratch()
    let strange = "\"$(printf 'n_\\377')\""
    var arguments = ["convert", "--plugin", "Qwen3VL", "--to", "megatron"]
    var shell = "cd '\(scratch.url.path)'; "
    switch place {
    case "OUT": (arguments, shell) = (arguments + [Fixtures.dense], shell + "set -- \"$@\" \(strange)")
    case "SOURCE": shell += "set -- \"$@\" \(strange) out"
    case "option": shell += "set -- \"$@\" --hf-config \(strange) '\(Fixtures.dense)' out"
    default: (arguments, shell) = (arguments + [Fixtures.dense, "out"], shell + "mkdir \(strange); cd \(strange)")
    }
    let outcome = try Host.run(arguments, shell: shell)
    Refusal.judge(outcome, code: 2, words: ["is not UTF-8"])
    if place != "folder" { #expect(outcome.errors.contains("'n_\\xff'") && scratch.names.isEmpty, "\(scratch.names)") }
  }
}
