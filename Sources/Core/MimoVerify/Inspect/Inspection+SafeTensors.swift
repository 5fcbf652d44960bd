import MimoCheckpoints
import MimoContainers
import MimoJSON
import MimoSystem
import MimoTensor

extension Inspection {
  init(huggingFace path: String) throws(MimoError) {
    self.init(path: path, kind: "Hugging Face folder")
    let names = try FileSystem.list(path)
    guard names.contains(where: { $0.hasSuffix(".safetensors") }) else {
      let config = try ModelConfig(path: FileSystem.join(path, "config.json"))
      add(config.json)
      notes.append("there are no weights")
      return
    }
    let folder = try HuggingFaceFolder.open(path)
    add(folder.config)
    files = folder.files.map { File(path: $0.name, bytes: $0.size) }
    tensors = folder.tensors.map { tensor in
      Tensor(
        name: tensor.name, dtype: tensor.dtype, shape: Array(tensor.shape.dims), bytes: tensor.range.count,
        file: folder.files[tensor.file].name)
    }
    facts.append(("other files", folder.companions.map(\.path).joined(separator: ", ")))
    notes += folder.leftOut.map { "\($0) is neither weights nor a file that travels along" }
  }

  private mutating func add(_ config: JSONValue) {
    let architectures = config["architectures"]?.array?.compactMap(\.string) ?? []
    facts.append(("architectures", architectures.joined(separator: ", ")))
    if let type = config["model_type"]?.string { facts.append(("model type", type)) }
  }

  init(ranks path: String) throws(MimoError) {
    self.init(path: path, kind: "ranks folder")
    let layout = try JSONParser.parse(file: FileSystem.join(path, "layout.json"), limit: 256 << 20)
    if let size = layout["world_size"]?.integer { facts.append(("world size", "\(size)")) }
    if let components = layout["components"]?.array {
      facts.append(("components", components.compactMap(\.string).joined(separator: "; ")))
    } else if let sizes = layout["layout"]?.object {
      let words = sizes.members.compactMap { key, value in value.integer.map { "\(key)=\($0)" } }
      facts.append(("layout", words.joined(separator: ", ")))
    }
    for name in try FileSystem.list(path) where name.hasSuffix(".safetensors") {
      try add(safetensors: FileSystem.join(path, name), named: name)
    }
  }

  /// Safetensors files without a config.
  init(loose names: [String], in path: String) throws(MimoError) {
    self.init(path: path, kind: "folder of safetensors files, without config.json")
    for name in names where name.hasSuffix(".safetensors") {
      try add(safetensors: FileSystem.join(path, name), named: name)
    }
  }

  /// - Parameter name: the file's name, for a table of several files.
  mutating func add(safetensors path: String, named name: String?) throws(MimoError) {
    let file = try MimoSystem.File.openForReading(path)
    let header = try SafeTensorsHeader.parse(file)
    files.append(File(path: name ?? FileSystem.split(path).name, bytes: header.fileSize))
    for entry in header.entries {
      tensors.append(
        Tensor(
          name: entry.name, dtype: entry.dtype, shape: Array(entry.shape.dims), bytes: entry.range.count, file: name))
    }
    if name == nil { for member in header.metadata ?? [] { facts.append((member.key, member.value)) } }
  }
}
