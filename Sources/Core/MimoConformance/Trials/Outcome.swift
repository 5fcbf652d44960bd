import MimoMapping
import MimoPluginHost
import MimoSystem

/// How describing a model ended, judged by the host.
enum Outcome {
  /// A model whose mapping moves each element once.
  case described(ModelDescription)
  /// The plugin, or the host for it, says what of the model it can not have.
  case refused(String)
  /// More declarations than a trial takes.
  case endless
  /// A breach of the contract, in words.
  case broken(String)
  /// The process did not come back.
  case fault(String)

  init(_ run: Finding.Run, components: [String]) {
    guard !run.isEndless else {
      self = .endless
      return
    }
    do throws(MimoError) {
      if let failure = run.failure { throw failure }
      guard run.status == 0 else {
        throw MimoError(
          .plugin, run.status == 2 ? "it fails without saying why" : "it answers the status \(run.status)")
      }
      var model = DeclaredModel(components: components)
      try WireReader.read(run.log) { (wire) throws(MimoError) in try model.take(&wire) }
      let description = try model.description()
      try Coverage.prove(description)
      self = .described(description)
    } catch {
      self = Outcome(error)
    }
  }

  private init(_ error: MimoError) {
    let line = [error.tensor, error.message].compactMap { $0 }.joined(separator: ": ")
    self = error.code == .plugin ? .broken(line) : .refused(line)
  }

  var description: ModelDescription? {
    if case .described(let model) = self { model } else { nil }
  }

  /// What is wrong with it, whatever the model was; nil for a good end.
  var breach: String? {
    switch self {
    case .described, .refused, .endless: nil
    case .broken(let what): what
    case .fault(let what): "the plugin \(what)"
    }
  }
}

extension Outcome {
  /// For messages.
  var words: String {
    switch self {
    case .described: "it is described"
    case .endless: "it declares without end"
    case .refused(let words), .broken(let words), .fault(let words): words
    }
  }
}
