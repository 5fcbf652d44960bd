import MimoPluginHost
import MimoSystem

/// What the plugin says about itself.
extension Rule {
  static let table = [
    Rule(
      301, "loads-with-a-sound-table", "it loads, agrees on ABI 1, and its table holds what mimo_plugin.h says",
      otherwise: "the host refuses it with exit code 5"
    ) { (subject) throws(MimoError) in
      switch subject.info {
      case .success: .kept
      case .failure(let error): .broken([error.message])
      }
    },
    Rule(
      302, "is-found-by-its-family", "the file is called libFAMILY.so, by the family in its table",
      otherwise: "--plugin NAME finds a file by a name that the plugin does not have"
    ) { (subject) throws(MimoError) in
      try loaded(subject) { info in
        let (_, file) = FileSystem.split(subject.path)
        return file == "lib\(info.family).so" ? [] : ["the file is \(file), the family \(info.family)"]
      }
    },
    Rule(
      303, "has-one-language-model", "one component has no modality_key; no two share a source_prefix or a module path",
      otherwise: "two components' tensors have one name in a checkpoint"
    ) { (subject) throws(MimoError) in
      try loaded(subject) { info in
        let languages = info.components.filter(\.modalityKey.isEmpty).count
        var faults = languages == 1 ? [] : ["\(languages) components are language models"]
        if Set(info.components.map(\.targetModulePath)).count < info.components.count {
          faults.append("a module path occurs twice")
        }
        if Set(info.components.map(\.sourcePrefix)).count < info.components.count {
          faults.append("a source_prefix occurs twice")
        }
        return faults
      }
    },
    Rule(
      304, "knows-its-layouts", "each layout is one that the host has: mimo, megatron, prime",
      otherwise: "the layout can be asked for by nobody"
    ) { (subject) throws(MimoError) in
      try loaded(subject) { info in
        info.layouts.filter { !["mimo", "megatron", "prime"].contains($0) }.map { "layout \($0) is unknown" }
      }
    },
  ]

  private static func loaded(_ subject: Subject, _ faults: (PluginInfo) -> [String]) throws(MimoError) -> Verdict {
    guard case .success(let info) = subject.info else { return .withoutPlugin }
    return Verdict(faults(info))
  }
}
