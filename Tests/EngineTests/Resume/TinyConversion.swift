import Foundation
import MimoJSON
import MimoParallel
import MimoPluginHost
import MimoSystem

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// A made-up model of some hundred kilobytes, and conversions of it.
struct TinyConversion: Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case importDist, importFSDP, importRanks, export, reshard, reshardRanks, splice, spliceFolder
  }

  static let plugin = products.appending(path: "libQwen3VL.so").path
  static var hasPlugin: Bool { FileManager.default.fileExists(atPath: plugin) }

  let kind: Kind
  let root: String
  var source: String { FileSystem.join(root, isFromStored ? "stored" : "hf") }
  var output: String { FileSystem.join(root, "out") }
  /// Changes the request of every run.
  var change: @Sendable (inout ConversionRequest) -> Void = { _ in }

  /// Makes the source below `root`.
  init(_ kind: Kind, in root: String) throws {
    self.kind = kind
    self.root = root
    let whole = FileSystem.join(root, "hf")
    let config = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/tiny.json").path
    for (folder, seed) in [(whole, 0), (other, 1)] where folder == whole || isSplice {
      var request = SynthRequest(config: config, output: folder, resources: TinyConversion.resources)
      request.seed = UInt64(seed)
      try SynthRun(try SynthPlan(request, plugin: try PluginLibrary(path: TinyConversion.plugin)), request: request)
        .run { _, _ in }
    }
    guard isFromStored else { return }
    let stored = FileSystem.join(root, "stored")
    _ = try importing(from: whole, to: stored, kind == .reshardRanks ? .ranks : .mimo)()
    try FileSystem.removeTree(whole)
  }

  private static let products = URL(
    filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  ).deletingLastPathComponent()

  private var isFromStored: Bool { [.export, .reshard, .reshardRanks, .splice].contains(kind) }
  private var isSplice: Bool { kind == .splice || kind == .spliceFolder }
  /// A folder of the same model with other values.
  private var other: String { FileSystem.join(root, "other") }

  private static let resources = Resources(jobs: 1, memory: 8 << 20)

  /// Runs the conversion to its end.
  @discardableResult
  func run() throws(MimoError) -> ConversionReport { try prepared()() }

  /// A plan is made now; what is returned carries it out, any number of times.
  func prepared() throws(MimoError) -> Carrying {
    switch kind {
    case .importDist: return try importing(from: source, to: output, .mimo)
    case .importFSDP: return try importing(from: source, to: output, .fsdpDTensor)
    case .importRanks: return try importing(from: source, to: output, .ranks)
    case .export, .spliceFolder:
      var request = request(from: source, to: output)
      if isSplice { request.splices = [Splice(component: "images", path: other)] }
      request.beginReading()
      let plan = try ExportPlan(
        request, from: .recognise(source), plugin: try PluginLibrary(path: TinyConversion.plugin))
      return { [request] () throws(MimoError) in try ExportRun(plan, request: request, hostVersion: "1").run { _, _ in } }
    case .reshard, .splice:
      var request = request(from: source, to: output)
      request.layout = .single(.init(tp: 2))
      if isSplice { request.splices = [Splice(component: "images", path: other)] }
      request.beginReading()
      let plan = try ReshardPlan(
        request, to: .megatron, from: .recognise(source), plugin: try PluginLibrary(path: TinyConversion.plugin))
      return { [request] () throws(MimoError) in try ReshardRun(plan, request: request, hostVersion: "1").run { _, _ in } }
    case .reshardRanks:
      var request = request(from: source, to: output)
      request.layout = .single(.init(tp: 2))
      request.padVocabulary = true
      request.beginReading()
      let plan = try ReshardPlan(
        request, to: .ranks, from: .recognise(source), plugin: try PluginLibrary(path: TinyConversion.plugin))
      return { [request] () throws(MimoError) in try ReshardRun(plan, request: request, hostVersion: "1").run { _, _ in } }
    }
  }

  typealias Carrying = @Sendable () throws(MimoError) -> ConversionReport

  private func importing(
    from source: String, to output: String, _ format: OutputFormat
  ) throws(MimoError) -> Carrying {
    var request = request(from: source, to: output)
    let extra = format == .fsdpDTensor ? ",fsdp=2" : ""
    request.layout = .mimo([
      try ComponentRequest(parsing: "language=tp=2" + extra), try ComponentRequest(parsing: "images=tp=1" + extra),
    ])
    request.beginReading()
    let plan = try ImportPlan(
      request, to: format, from: .open(source), plugin: try PluginLibrary(path: TinyConversion.plugin))
    return { [request] () throws(MimoError) in try ImportRun(plan, request: request, hostVersion: "1").run { _, _ in } }
  }

  private func request(from source: String, to output: String) -> ConversionRequest {
    var request = ConversionRequest(source: source, output: output, resources: TinyConversion.resources)
    change(&request)
    return request
  }

  // MARK: What lies there

  /// The report's notes.
  func notes() throws -> [String] {
    let report = try JSONParser.parse(file: FileSystem.join(output, ReportFile.name))
    return report["notes"]?.array?.compactMap(\.string) ?? []
  }

  /// OUT's files by path; of the report only what does not depend on how the run went.
  ///
  /// - Parameter note: leave this one out.
  func result(but note: String? = nil) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    try add(output, prefix: "", to: &files)
    let report = try JSONParser.parse(files[ReportFile.name] ?? [])
    var kept = JSONObject()
    for key in report.object?.keys ?? [] where !["seconds", "peak_memory_bytes", "bytes_resumed", "crc64"].contains(key) {
      kept[key] = key == "notes" ? .array(try notes().filter { $0 != note }.map { .string($0) }) : report[key]
    }
    kept["files"] = .array(
      (report["files"]?.array ?? []).map { file in
        var listed = file.object ?? JSONObject()
        listed.remove("mtime_ns")
        return .object(listed)
      })
    files[ReportFile.name] = JSONWriter.write(.object(kept))
    return files
  }

  private func add(_ folder: String, prefix: String, to files: inout [String: [UInt8]]) throws {
    for name in try FileSystem.list(folder) {
      let path = FileSystem.join(folder, name)
      if try FileSystem.isDirectory(path) {
        try add(path, prefix: prefix + name + "/", to: &files)
      } else {
        files[prefix + name] = try FileSystem.readSmallFile(path)
      }
    }
  }

  /// The files of the source that hold weights.
  func weightFiles() throws -> [String] {
    let folder = isFromStored && kind != .reshardRanks ? FileSystem.join(source, "iter_0000000") : source
    return try weightFiles(in: folder)
  }

  /// The files that a component is taken from.
  func donors() throws -> [String] {
    isSplice ? try weightFiles(in: other) : []
  }

  private func weightFiles(in folder: String) throws -> [String] {
    try FileSystem.list(folder).filter { $0.hasSuffix(".safetensors") || $0.hasSuffix(".distcp") }
      .map { FileSystem.join(folder, $0) }
  }

  var workFolder: String { FileSystem.join(root, ".out.mimo-host-work") }

  /// Removes OUT and what an unfinished run left.
  func clear() throws {
    try FileSystem.removeTree(output)
    try FileSystem.removeTree(workFolder)
  }
}

/// The error that `body` throws; nil when it throws none.
func error(_ body: () throws(MimoError) -> Void) -> MimoError? {
  do throws(MimoError) {
    try body()
    return nil
  } catch {
    return error
  }
}
