import MimoChecksum
import MimoPluginHost
import MimoSystem
import MimoTensor
import MimoTransfer

extension RunIdentity {
  /// What decides the bytes of a conversion: the program, the plugin, what was asked for, the source and the plan.
  ///
  /// What only changes how it is done (--jobs, --memory, --json, --quiet, --overwrite) is left out.
  init(
    _ request: ConversionRequest, format: String, layout: String?, plugin: PluginInfo, hostVersion: String,
    conversion: ConversionPlan, snapshot: SourceSnapshot
  ) throws(MimoError) {
    self.init()
    add("mimo-host", hostVersion)
    add("--plugin", plugin.path)
    add("plugin version", "\(plugin.family) \(plugin.version)")
    add("plugin file", try RunIdentity.digest(ofFile: plugin.path))
    add("SOURCE", request.source)
    add("OUT", request.output)
    add("--to", format)
    add("layout", layout ?? "none")
    add("--dtype", request.dtype?.rawValue ?? "as the config says")
    add("--pad-vocabulary", request.padVocabulary ? "given" : "not given")
    add("--hf-config", request.configFolder ?? "not given")
    add("--shard-table", request.shardTable ?? "not given")
    add("--expert-storage", request.expertStorage ?? "not given")
    add("--max-shard-size", request.shardBytes.map { "\($0)" } ?? "not given")
    if let only = request.only { add("--only", only) }
    for splice in request.splices { add("--from \(splice.component)", splice.path) }
    if request.weightsOnly { add("--weights-only", "given") }
    for entry in snapshot.entries {
      add("file \(entry.path)", "\(entry.size) bytes of \(entry.modified) ns")
    }
    for entry in snapshot.entries { changeTimes[entry.path] = entry.changed }
    add("plan", hex(conversion.hash))
  }

  /// CRC-64 of a file's bytes.
  private static func digest(ofFile path: String) throws(MimoError) -> String {
    let file = try File.openForReading(path)
    let size = try file.size()
    var buffer = ByteBuffer()
    var digest: UInt64 = 0
    var position: UInt64 = 0
    while position < size {
      let bytes = try buffer.reserve(Int(min(1 << 20, size - position)))
      try file.read(into: bytes, at: position)
      digest = mimo_crc64(digest, bytes.baseAddress, bytes.count)
      position += UInt64(bytes.count)
    }
    return "\(size) bytes with CRC-64 \(hex(digest))"
  }
}
