// swift-tools-version: 6.2
import PackageDescription

/// The parsers under libFuzzer and address sanitizer. `Tools/fuzz` builds and runs it.
///
/// `Core` and `PluginABI` are links to the modules of mimo-host: the same sources, built again with the fuzzer's counters.
let instrumented: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address"])]

/// Modules of the engine, as the package above has them.
let engine: [(name: String, folder: String, dependencies: [Target.Dependency])] = [
  ("MimoSystem", "System", ["MimoChecksum"]),
  ("MimoTensor", "Tensor", ["MimoSystem"]),
  ("MimoFormats", "Formats", ["MimoChecksum", "MimoSystem", "MimoTensor"]),
  ("MimoParallel", "Parallel", ["MimoSystem", "MimoTensor"]),
  ("MimoMapping", "Mapping", ["MimoSystem", "MimoTensor", "MimoParallel"]),
  ("MimoPlugins", "Plugins", ["PluginABI", "MimoSystem", "MimoTensor", "MimoFormats", "MimoParallel", "MimoMapping"]),
  ("MimoPlan", "Plan", ["MimoChecksum", "MimoSystem", "MimoTensor", "MimoFormats", "MimoParallel", "MimoMapping", "MimoPlugins"]),
  ("MimoEngine", "Engine", ["MimoChecksum", "MimoSystem", "MimoTensor", "MimoFormats", "MimoPlan"]),
]

let package = Package(
  name: "mimo-host-fuzz",
  targets: [
    .target(
      name: "MimoChecksum", path: "Core/Checksum",
      cSettings: [.unsafeFlags(["-O2", "-fsanitize=fuzzer-no-link,address"])]),
    .target(name: "PluginABI", path: "PluginABI"),
    .target(name: "LibFuzzer", path: "LibFuzzer"),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "MimoSystem", "MimoTensor", "MimoFormats", "MimoParallel", "MimoMapping", "MimoPlugins", "MimoPlan", "MimoEngine",
      ],
      path: "Targets", swiftSettings: instrumented),
    .executableTarget(
      name: "mimo-fuzz", dependencies: ["FuzzTargets", "LibFuzzer", "MimoSystem"], path: "Driver",
      swiftSettings: instrumented,
      linkerSettings: [.unsafeFlags(["-sanitize=address"]), .linkedLibrary("stdc++")]),
  ]
    + engine.map { module in
      .target(
        name: module.name, dependencies: module.dependencies, path: "Core/\(module.folder)", swiftSettings: instrumented)
    },
  swiftLanguageModes: [.v6]
)
