import MimoCheckpoints
import MimoContainers
import MimoJSON
import MimoSystem
import MimoTensor

extension FuzzTarget {
  /// The head of a safetensors file. What was read must come out again as it was.
  package static let safetensors = FuzzTarget(name: "safetensors") { (bytes) throws(MimoError) in
    let header = try SafeTensorsHeader.parse(MemoryByteSource(bytes, path: "model.safetensors"))
    guard Array(bytes.prefix(Int(header.dataStart))) == header.encoded() else {
      throw MimoError(.internalError, "the head does not come out as it was")
    }
  }

  /// `model.safetensors.index.json`.
  package static let index = FuzzTarget(name: "index") { (bytes) throws(MimoError) in
    let index = try HuggingFaceIndex.parse(bytes, path: HuggingFaceIndex.fileName)
    for entry in index.entries where entry.file.contains("/") || entry.file.hasPrefix("..") && entry.file.count == 2 {
      throw MimoError(.internalError, "a path leads out of the folder: \(entry.file)")
    }
    _ = index.declaredTotalSize
    guard try HuggingFaceIndex.parse(index.encoded(newlineAtEnd: true), path: "again").entries == index.entries else {
      throw MimoError(.internalError, "the index does not come out as it was")
    }
  }

  /// `config.json`: what is parsed can be written and parsed again.
  package static let config = FuzzTarget(name: "config") { (bytes) throws(MimoError) in
    let json = try JSONParser.parse(bytes, options: .nonFiniteNumbers, path: "config.json")
    let text = JSONWriter.write(json, .indented(2))
    guard JSONWriter.write(try JSONParser.parse(text, options: .nonFiniteNumbers), .indented(2)) == text else {
      throw MimoError(.internalError, "the config does not come out as it was")
    }
    let config = ModelConfig(json, path: "config.json")
    for path in ["text_config.layer_types.3", "0.0.0", "a..b", ""] { _ = json[path] }
    _ = try config.dtype(asked: nil)
  }

  /// `mimo_host/manifest.json`, and the heads and the index that an export makes of it.
  package static let manifest = FuzzTarget(name: "manifest") { (bytes) throws(MimoError) in
    let manifest = try SourceManifest.decode(bytes, path: "manifest.json")
    for file in manifest.files { _ = try file.header() }
    _ = manifest.indexBytes()
    guard try SourceManifest.decode(manifest.encoded(), path: "again") == manifest else {
      throw MimoError(.internalError, "the manifest does not come out as it was")
    }
  }
}
