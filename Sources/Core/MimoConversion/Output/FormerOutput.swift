import Glibc
import MimoCheckpoints
import MimoSystem

/// A folder in the place of OUT: it is replaced when it holds exactly the files that the report in it lists, as they were written.
struct FormerOutput {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Throws for anything that no command of mimo-host brings back. A folder without files is no loss.
  func check() throws(MimoError) {
    let tree = try FileTree(path)
    guard !tree.files.isEmpty || !tree.others.isEmpty else { return }
    let strange = strange(tree, try files(tree))
    guard let first = strange.first else { return }
    let told = strange.prefix(3).joined(separator: ", ")
    let more = strange.count > 3 ? " and \(strange.count - 3) more" : ""
    let what = strange.count == 1 ? first : "\(told)\(more)"
    throw refusal("holds what its \(ReportFile.name) does not list as it is: \(what)")
  }

  /// What the report lists, by path.
  private func files(_ tree: FileTree) throws(MimoError) -> [String: ReportedFile] {
    guard tree.files.contains(where: { $0.path == ReportFile.name }) else {
      throw refusal("was not written by mimo-host: there is no \(ReportFile.name) in it")
    }
    let report: RecordedReport
    do throws(MimoError) {
      report = try RecordedReport(file: FileSystem.join(path, ReportFile.name), lists: [.files])
    } catch {
      throw refusal("has a \(ReportFile.name) that \(error.message)")
    }
    guard report.schema > 1 else {
      throw refusal("has a \(ReportFile.name) of schema 1, which does not list its files")
    }
    return Dictionary(report.listed.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Files and other entries that are not as the report has them, each with what is the matter.
  private func strange(_ tree: FileTree, _ listed: [String: ReportedFile]) -> [String] {
    var left = listed
    var strange: [String] = []
    for entry in tree.files where entry.path != ReportFile.name {
      guard let file = left.removeValue(forKey: entry.path) else {
        strange.append("\(entry.path) (not listed)")
        continue
      }
      if file.bytes != entry.info.size || file.modified != entry.info.modified { strange.append("\(entry.path) (changed)") }
    }
    strange += tree.others.map { "\($0.path) (\($0.info.kind == .directory ? "empty folder" : $0.info.kind.rawValue))" }
    return strange + left.keys.sorted().map { "\($0) (missing)" }
  }

  private func refusal(_ message: String) -> MimoError {
    MimoError(
      .usage, "\(message), so --overwrite leaves it alone", path: path,
      remedy: FormerOutput.remedy(path), errno: EEXIST)
  }

  /// What a user does who is sure.
  static func remedy(_ path: String) -> String { "If nothing of it is needed, remove it with rm -r \(path.shellQuoted)" }
}

extension String {
  /// As one word of a shell's command line.
  var shellQuoted: String {
    let isPlain = utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || "/._-+=:,@%".utf8.contains(byte)
    }
    guard !isPlain || isEmpty || hasPrefix("-") else { return self }
    return "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
