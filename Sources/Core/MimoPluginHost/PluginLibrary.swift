import Glibc
import MimoMapping
import MimoSystem

/// A plugin as the host knows it: by what its process answers. Its code never runs in this one.
package struct PluginLibrary: Sendable {
  package let info: PluginInfo
  private let process: PluginProcess

  /// Lets the plugin be loaded, negotiated with and checked. Throws for a file that is no library, has no entry symbol,
  /// speaks another ABI, hands over a table that breaks the contract, or does not come back.
  package init(path: String, process: PluginProcess = .beside(ProgramPath.running)) throws(MimoError) {
    self.process = process
    guard let info = try process.ask(path, nil).info else {
      throw MimoError(.plugin, "the plugin's process says nothing about it", path: path)
    }
    self.info = info
  }

  /// What `model` is in `layout`: all sources, targets and how the ones are made of the others.
  package func describe(_ model: ModelInput, layout: String) throws(MimoError) -> ModelDescription {
    try describe(model, layout: layout, declarationLimit: DescribeSession.declarationLimit)
  }

  func describe(_ model: ModelInput, layout: String, declarationLimit: Int) throws(MimoError) -> ModelDescription {
    guard info.layouts.contains(layout) else {
      throw MimoError(
        .usage, "plugin \(info.family) has no layout \(layout)", path: info.path,
        remedy: "It has \(info.layouts.joined(separator: ", "))")
    }
    let request = DescribeRequest(
      layout: layout, architecture: try architecture(of: model), model: model, limit: declarationLimit)
    let answer = try process.ask(info.path, request)
    guard answer.info == info else {
      throw MimoError(
        .plugin, "the plugin's file was changed while it was used", path: info.path, remedy: "Run the command again")
    }
    do {
      return try answer.description()
    } catch {
      throw error.at(path: info.path)
    }
  }

  /// The first of the config's architectures that this plugin serves.
  package func architecture(of model: ModelInput) throws(MimoError) -> String {
    let named = model.architectures
    if let served = named.first(where: info.architectures.contains) { return served }
    let what = named.isEmpty ? "names no architectures" : "is for \(named.joined(separator: ", "))"
    throw MimoError(
      .invalidInput,
      "config.json \(what), plugin \(info.family) serves \(info.architectures.joined(separator: ", "))",
      path: info.path, remedy: "Choose the plugin of the model's family with --plugin")
  }
}
