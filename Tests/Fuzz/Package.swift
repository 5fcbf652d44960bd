// swift-tools-version: 6.2
import PackageDescription

/// The parsers under libFuzzer and address sanitizer. `Tools/fuzz` builds and runs it.
///
/// `Core` and `PluginABI` are links to the modules of mimo-host: the same sources, built again with the fuzzer's counters.
let instrumented: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address"])]

/// Modules of the engine, as the package above has them.
let engine: [(name: String, dependencies: [Target.Dependency])] = [
  ("MimoSystem", ["MimoChecksum"]),
  ("MimoJSON", ["MimoSystem"]),
  ("MimoTensor", ["MimoSystem"]),
  ("MimoParallel", ["MimoSystem", "MimoTensor"]),
  ("MimoMapping", ["MimoSystem", "MimoTensor", "MimoParallel"]),
  ("MimoContainers", ["MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor"]),
  ("MimoPluginHost", ["PluginABI", "MimoMapping", "MimoContainers"]),
  ("MimoTransfer", ["MimoMapping", "MimoContainers"]),
  ("MimoCheckpoints", ["MimoPluginHost", "MimoTransfer"]),
  ("MimoConversion", ["MimoCheckpoints"]),
  ("MimoVerify", ["MimoConversion"]),
]

let package = Package(
  name: "mimo-host-fuzz",
  targets: [
    .target(
      name: "MimoChecksum", path: "Core/MimoChecksum",
      cSettings: [.unsafeFlags(["-O2", "-fsanitize=fuzzer-no-link,address"])]),
    .target(name: "PluginABI", path: "PluginABI"),
    .target(name: "LibFuzzer", path: "LibFuzzer"),
    .target(
      name: "FuzzTargets",
      dependencies: engine.map { .init(stringLiteral: $0.name) },
      path: "Targets", swiftSettings: instrumented),
    .executableTarget(
      name: "mimo-fuzz", dependencies: ["FuzzTargets", "LibFuzzer", "MimoSystem"], path: "Driver",
      swiftSettings: instrumented,
      linkerSettings: [.unsafeFlags(["-sanitize=address"]), .linkedLibrary("stdc++")]),
  ]
    + engine.map { module in
      .target(
        name: module.name, dependencies: module.dependencies, path: "Core/\(module.name)", swiftSettings: instrumented)
    },
  swiftLanguageModes: [.v6]
)
