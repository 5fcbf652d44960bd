import MimoCheckpoints
import MimoContainers
import MimoSystem

extension Inspection {
  /// Looks at whatever lies at a path: a checkpoint's folder, or one of its files.
  package init(_ path: String) throws(MimoError) {
    guard try FileSystem.exists(path) else {
      throw MimoError(.usage, "there is nothing at this path", path: path, remedy: "Name a checkpoint's folder or one of its files")
    }
    guard try FileSystem.isDirectory(path) else {
      self = try Inspection.file(path)
      return
    }
    let names = try FileSystem.list(path)
    if !names.contains("config.json"), names.contains(where: { $0.hasSuffix(".safetensors") }), !names.contains("layout.json") {
      self = try Inspection(loose: names, in: path)
      return
    }
    switch try CheckpointFormat.recognise(path) {
    case .hf, .prime: self = try Inspection(huggingFace: path)
    case .ranks: self = try Inspection(ranks: path)
    case .dist, .fsdpDTensor: self = try Inspection(distributed: path)
    case .legacy: self = try Inspection(legacy: path)
    }
  }

  private static func file(_ path: String) throws(MimoError) -> Inspection {
    let name = FileSystem.split(path).name
    if name.hasSuffix(".safetensors") {
      var result = Inspection(path: path, kind: "safetensors file")
      try result.add(safetensors: path, named: nil)
      return result
    }
    if name == ".metadata" { return try Inspection(metadata: path) }
    if name.hasSuffix(".pt") || name.hasSuffix(".pth") || name.hasSuffix(".bin") { return try Inspection(torch: PosixByteSource(path: path)) }
    if name.hasSuffix(".distcp") {
      throw MimoError(
        .usage, "is a part of a distributed checkpoint; .metadata says what is in it", path: path,
        remedy: "Name the folder")
    }
    throw MimoError(
      .usage, "is no file that is known: .safetensors, .metadata or .pt", path: path, remedy: "Name a checkpoint's folder")
  }
}
