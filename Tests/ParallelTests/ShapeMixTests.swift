import Foundation
import MimoParallel
import MimoTensor
import Testing

/// A use of one shape that asks for the other; `$` is where the shape stands.
private struct ShapeUse {
  var code: String
  /// What belongs there; the other one must not compile.
  var asked: String

  static let all = [
    ShapeUse(code: "var one = GlobalShape([]); one = $; _ = one", asked: "global"),
    ShapeUse(code: "var one = LocalShape([]); one = $; _ = one", asked: "local"),
    ShapeUse(code: "_ = global == $", asked: "global"), ShapeUse(code: "_ = local != $", asked: "local"),
    ShapeUse(code: "_ = $ as GlobalShape", asked: "global"), ShapeUse(code: "_ = $ as LocalShape", asked: "local"),
    ShapeUse(code: "_ = Set([global]).contains($)", asked: "global"),
    ShapeUse(code: "_ = [local.dims: local].values.contains($)", asked: "local"),
    ShapeUse(code: "let either: [GlobalShape] = [global, $]; _ = either", asked: "global"),
    ShapeUse(code: "_ = GlobalShape($.dims) == $", asked: "global"),
    ShapeUse(code: "_ = Region(whole: $)", asked: "global"), ShapeUse(code: "_ = region.isInside($)", asked: "global"),
    ShapeUse(code: "_ = try FlatBuffer([$])", asked: "local"),
    ShapeUse(code: "_ = try Sharding(of: \"w\", shape: $, placement: placement, at: site)", asked: "global"),
    ShapeUse(
      code: "_ = ShardTable.Shard(name: \"w\", rank: 0, globalShape: $, localShape: local, offset: [])", asked: "global"),
    ShapeUse(
      code: "_ = ShardTable.Shard(name: \"w\", rank: 0, globalShape: global, localShape: $, offset: [])", asked: "local"),
    ShapeUse(code: "_ = sharding.localShape == $", asked: "local"), ShapeUse(code: "_ = sharding.shape == $", asked: "global"),
  ]

  /// A program with all uses, one a line, and the line of the first.
  static func program(_ shape: (ShapeUse) -> String) -> (text: String, firstLine: Int) {
    let head = [
      "@testable import MimoParallel", "@testable import MimoTensor",
      "func use(_ global: GlobalShape, _ local: LocalShape, _ region: Region, _ sharding: Sharding,",
      "  _ placement: Placement, _ site: ShardingSite) throws {",
    ]
    let lines = all.map { "  do { \($0.code.replacing("$", with: shape($0))) }" }
    return ((head + lines + ["}", ""]).joined(separator: "\n"), head.count + 1)
  }

  static func other(_ use: ShapeUse) -> String { use.asked == "global" ? "local" : "global" }
}

/// The compiler of the toolchain whose runtime these tests run on.
private enum Compiler {
  struct Problem: Error, CustomStringConvertible { var description: String }

  /// A line of this program's memory map ends in the path of Swift's standard library: `usr/lib/swift/linux/libswiftCore.so`.
  static func path() throws -> URL {
    let maps = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/maps")).readToEnd() ?? Data()
    let lines = String(decoding: maps, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasSuffix("/libswiftCore.so") }), let start = line.firstIndex(of: "/")
    else { throw Problem(description: "Swift's standard library is not a shared library of this program") }
    let usr = (0..<4).reduce(URL(filePath: String(line[start...]))) { path, _ in path.deletingLastPathComponent() }
    let compiler = usr.appending(path: "bin/swiftc")
    guard FileManager.default.isExecutableFile(atPath: compiler.path) else {
      throw Problem(description: "there is no compiler at \(compiler.path)")
    }
    return compiler
  }

  /// The lines that have errors, with the first error's words.
  static func errors(in program: String) throws -> [Int: String] {
    let file = FileManager.default.temporaryDirectory.appending(path: "shapes-\(UUID().uuidString).swift")
    try program.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let products = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = try path()
    process.arguments = [
      "-typecheck", "-swift-version", "6", "-no-color-diagnostics", "-I", products.appending(path: "Modules").path,
      // What the modules are made of in C.
      "-Xcc", "-fmodule-map-file=" + products.appending(path: "MimoChecksum.build/module.modulemap").path, file.path,
    ]
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    var errors: [Int: String] = [:]
    for line in output.split(separator: "\n") where line.hasPrefix("\(file.path):") {
      let fields = line.dropFirst(file.path.count + 1).split(separator: ":", maxSplits: 3)
      guard fields.count == 4, fields[2] == " error", let number = Int(fields[0]) else { continue }
      errors[number] = errors[number] ?? String(fields[3])
    }
    guard (process.terminationStatus == 0) == errors.isEmpty else {
      throw Problem(description: "the compiler ended with \(process.terminationStatus): \(output)")
    }
    return errors
  }
}

/// What a rank holds and what all hold together are types apart: where one is asked for, the other does not compile.
@Suite struct ShapeMixTests {
  @Test func theShapeThatIsAskedForCompiles() throws {
    let program = ShapeUse.program(\.asked)
    #expect(try Compiler.errors(in: program.text) == [:])
  }

  @Test func theOtherShapeDoesNotCompile() throws {
    let program = ShapeUse.program(ShapeUse.other)
    let errors = try Compiler.errors(in: program.text)
    for (index, use) in ShapeUse.all.enumerated() {
      // For the shape's sake, not for a name or an argument that is wrong.
      let words = errors[program.firstLine + index] ?? "no error"
      let isOfShapes = words.contains("GlobalShape") || words.contains("LocalShape")
      #expect(isOfShapes, "\(use.code) with \(ShapeUse.other(use)): \(words)")
    }
    #expect(errors.count == ShapeUse.all.count)
  }
}
