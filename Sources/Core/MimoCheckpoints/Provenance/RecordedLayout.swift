import MimoJSON
import MimoParallel
import MimoSystem

/// Format, layout and plugin of a checkpoint, as the report beside it tells.
package struct RecordedLayout: Sendable {
  package let format: OutputFormat
  package let layout: LayoutRequest
  /// Ranks of a single model; a MIMO layout tells them itself.
  package let worldSize: Int?
  /// The plugin's family.
  package let family: String

  /// nil where no report of a Megatron checkpoint lies.
  ///
  /// - Parameter ignoresReport: one that can not be read is none.
  package init?(beside checkpoint: String, ignoresReport: Bool = false) throws(MimoError) {
    do throws(MimoError) {
      guard let found = try RecordedLayout.find(beside: checkpoint) else { return nil }
      self = found
    } catch {
      guard ignoresReport else { throw error }
      return nil
    }
  }

  private static func find(beside checkpoint: String) throws(MimoError) -> RecordedLayout? {
    for folder in [checkpoint, FileSystem.split(checkpoint).parent] {
      let path = FileSystem.join(folder, ReportFile.name)
      guard try FileSystem.exists(path) else { continue }
      let json = try RecordedReport.head(ofFile: path)
      guard let format = json["output.format"]?.string.flatMap({ OutputFormat(rawValue: $0) }),
        let family = json["plugin.family"]?.string, let texts = json["layout.components"]?.array
      else { return nil }
      var requests: [ComponentRequest] = []
      for text in texts {
        guard let text = text.string else { return nil }
        requests.append(try ComponentRequest(recorded: text))
      }
      guard requests.count == 1, let model = requests.first, model.name == "model" else {
        return RecordedLayout(format: format, layout: .mimo(requests), worldSize: nil, family: family)
      }
      return RecordedLayout(
        format: format, layout: .single(single(model, isFSDP: format == .fsdpDTensor)),
        worldSize: json["layout.world_size"]?.integer, family: family)
    }
    return nil
  }

  private init(format: OutputFormat, layout: LayoutRequest, worldSize: Int?, family: String) {
    self.format = format
    self.layout = layout
    self.worldSize = worldSize
    self.family = family
  }

  /// A single model is laid out as one component of that name.
  private static func single(_ model: ComponentRequest, isFSDP: Bool) -> ClusterLayout.SingleRequest {
    var single = ClusterLayout.SingleRequest(
      tp: model[.tp], pp: model[.pp], cp: model[.cp], ep: model[.ep], etp: model[.etp], ppFirst: model[.ppFirst],
      ppLast: model[.ppLast])
    if isFSDP { single.fsdp = model[.dp] }
    return single
  }
}
