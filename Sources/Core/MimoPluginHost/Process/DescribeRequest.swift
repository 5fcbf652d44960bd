import MimoJSON
import MimoSystem
import MimoTensor

/// What a plugin's process is asked to describe.
package struct DescribeRequest: Sendable {
  package var layout: String
  /// The one of the config's architectures that the plugin serves.
  package var architecture: String
  package var model: ModelInput
  /// Declarations after which the plugin is stopped.
  package var limit: Int

  package init(
    layout: String, architecture: String, model: ModelInput, limit: Int = DescribeSession.declarationLimit
  ) {
    self.layout = layout
    self.architecture = architecture
    self.model = model
    self.limit = limit
  }

  package func write(to wire: inout WireWriter) {
    wire.text(layout)
    wire.text(architecture)
    wire.int(limit)
    wire.data(JSONWriter.write(model.config, .compact))
    wire.list(model.options.sorted { $0.key < $1.key }) { wire, option in
      wire.text(option.key)
      wire.text(option.value)
    }
    wire.optional(model.sources) { wire, sources in
      wire.list(Array(sources)) { wire, source in
        wire.text(source.key)
        wire.shape(source.value)
      }
    }
  }

  package init(from wire: inout WireReader) throws(MimoError) {
    layout = try wire.text()
    architecture = try wire.text()
    limit = try wire.int()
    model = ModelInput(config: try JSONParser.parse(try wire.data(), options: .nonFiniteNumbers))
    let options = try wire.list { (wire) throws(MimoError) in (try wire.text(), try wire.text()) }
    model.options = Dictionary(options) { first, _ in first }
    model.sources = try wire.optional { (wire) throws(MimoError) in
      let sources = try wire.list { (wire) throws(MimoError) in (try wire.text(), try wire.shape()) }
      return Dictionary(sources) { first, _ in first }
    }
  }
}
