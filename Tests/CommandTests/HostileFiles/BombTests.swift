import Foundation
import Testing

/// Whatever a file says, reading it takes memory in proportion to its size: `inspect` under a limit of the system.
@Suite struct BombTests {
  private static let constant = 64 << 20

  @Test(arguments: Bomb.all) func memoryIsInProportionToTheFile(_ bomb: Bomb) throws {
    let scratch = try Scratch()
    let bytes = bomb.make()
    let isFolder = !bomb.file.hasSuffix(".pt")
    try Data(bytes).write(to: URL(filePath: scratch(bomb.file)))
    if bomb.file == "config.json" { try Data([2, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]).write(to: URL(filePath: scratch("x.safetensors"))) }
    if bomb.file == "model.safetensors" { try Data("{}".utf8).write(to: URL(filePath: scratch("config.json"))) }
    let limit = (bomb.factor * bytes.count + Self.constant) / 1024
    let outcome = try Host.run(["inspect", isFolder ? scratch.url.path : scratch(bomb.file)], shell: "ulimit -d \(limit); ulimit -t 60")
    #expect(!outcome.wasKilled && [0, 3, 8].contains(outcome.code), "\(outcome.code) \(outcome.errors.prefix(500))")
    if outcome.code != 0 { #expect(outcome.errors.filter { $0 == "\n" }.count == 1, "\(outcome.errors.prefix(500))") }
  }
}
