// swift-tools-version: 6.2
import PackageDescription

/// A module of the engine: a folder of its name below `Sources/Core`.
func module(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)")
}

/// Modules of the engine, lowest first. An import only ever points to one above it in this list.
let engine: [Target] = [
  .target(name: "MimoChecksum", path: "Sources/Core/MimoChecksum", cSettings: [.unsafeFlags(["-O2"])]),
  module("MimoSystem", "MimoChecksum"),
  module("MimoJSON", "MimoSystem"),
  module("MimoTensor", "MimoSystem"),
  module("MimoParallel", "MimoSystem", "MimoTensor"),
  module("MimoMapping", "MimoSystem", "MimoTensor", "MimoParallel"),
  module("MimoContainers", "MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor"),
  module(
    "MimoPluginHost", "PluginABI", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers"),
  module(
    "MimoTransfer", "MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers"),
  module(
    "MimoCheckpoints", "MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers", "MimoPluginHost", "MimoTransfer"),
  module(
    "MimoConversion", "MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers", "MimoPluginHost", "MimoTransfer", "MimoCheckpoints"),
  module(
    "MimoConformance", "PluginABI", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers", "MimoPluginHost"),
  module(
    "MimoVerify", "MimoChecksum", "MimoSystem", "MimoJSON", "MimoTensor", "MimoParallel", "MimoMapping",
    "MimoContainers", "MimoPluginHost", "MimoTransfer", "MimoCheckpoints", "MimoConversion"),
]

/// Dimensions, regions and fragments are small values of lower modules that the higher ones handle by the million: a call
/// for each of their parts takes twice as long as the work.
for target in engine {
  target.swiftSettings = [
    .enableUpcomingFeature("MemberImportVisibility"), .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
  ]
}

/// Plugins are Embedded Swift: the shared library needs libc alone, whatever Swift runtime the host has.
let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"]),
  .unsafeFlags(["-Osize", "-Xfrontend", "-function-sections"], .when(configuration: .release)),
]
let pluginLinkage: [LinkerSetting] = [
  .unsafeFlags([
    "-enable-experimental-feature", "Embedded", "-Xlinker", "-Bsymbolic", "-Xlinker", "--no-undefined",
    "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/exported-symbols.map",
  ]),
  .unsafeFlags(["-Xlinker", "--gc-sections", "-Xlinker", "--strip-all"], .when(configuration: .release)),
]

/// One folder under `Plugins/` a family, one shared library each.
let families = [
  "Qwen3VL",
  "Qwen3MoE",
  "GLM4MoE",
  "MiniMaxM2",
  "DeepSeekV3",
  "NemotronH",
  "GPTOSS",
  "Laguna",
  "AFMoE",
]

let package = Package(
  name: "mimo-host",
  products: [.executable(name: "mimo-host", targets: ["mimo-host"])]
    + families.map { .library(name: $0, type: .dynamic, targets: [$0]) },
  targets: engine + [
    .target(name: "PluginABI", path: "Sources/PluginABI"),
    .target(name: "PluginKit", dependencies: ["PluginABI"], path: "Sources/PluginKit", swiftSettings: embedded),
    .executableTarget(
      name: "mimo-host",
      dependencies: [
        "MimoSystem", "MimoTensor", "MimoContainers", "MimoJSON", "MimoParallel", "MimoMapping", "MimoPluginHost",
        "MimoConformance", "MimoTransfer", "MimoCheckpoints", "MimoConversion", "MimoVerify",
      ],
      path: "Tools/mimo-host"),
    // A shell under the supervisor of plugins.
    .executableTarget(name: "supervised-shell", dependencies: ["MimoSystem"], path: "Tests/SupervisedShell"),
    .testTarget(
      name: "SystemTests", dependencies: ["MimoSystem", "supervised-shell"], path: "Tests/SystemTests"),
    .target(
      name: "AlgebraSupport", dependencies: ["MimoSystem", "MimoTensor", "MimoParallel", "MimoMapping"], path: "Tests/AlgebraSupport"),
    .testTarget(name: "TensorTests", dependencies: ["AlgebraSupport", "MimoTensor"], path: "Tests/TensorTests"),
    .testTarget(name: "FormatsTests", dependencies: ["MimoContainers", "MimoJSON", "MimoChecksum"], path: "Tests/FormatsTests",
      exclude: ["Fixtures"]),
    .testTarget(
      name: "ParallelTests", dependencies: ["AlgebraSupport", "MimoParallel", "MimoTensor"], path: "Tests/ParallelTests",
      exclude: ["Fixtures"]),
    .testTarget(
      name: "MappingTests", dependencies: ["AlgebraSupport", "MimoMapping", "MimoParallel", "MimoSystem", "MimoTensor"],
      path: "Tests/MappingTests"),
    .target(name: "BadPlugins", path: "Tests/BadPlugins", exclude: ["C"]),
    .testTarget(
      name: "ConformanceTests",
      dependencies: [
        "BadPlugins", "MimoConformance", "MimoContainers", "MimoJSON", "MimoPluginHost", "MimoSystem",
      ],
      path: "Tests/ConformanceTests"),
    .testTarget(
      name: "PluginsTests",
      dependencies: [
        "AlgebraSupport", "BadPlugins", "MimoPluginHost", "PluginABI", "MimoContainers", "MimoJSON", "MimoMapping",
        "MimoParallel", "MimoSystem", "MimoTensor",
      ],
      path: "Tests/PluginsTests", exclude: ["BadPlugins", "Fixtures"]),
    .testTarget(
      name: "PlanTests",
      dependencies: [
        "MimoTransfer", "MimoCheckpoints", "MimoContainers", "MimoJSON", "MimoMapping", "MimoParallel", "MimoSystem",
        "MimoTensor",
      ],
      path: "Tests/PlanTests"),
    .testTarget(
      name: "EngineTests",
      dependencies: [
        "AlgebraSupport", "MimoTransfer", "MimoCheckpoints", "MimoConversion", "MimoVerify", "MimoContainers",
        "MimoJSON", "MimoMapping", "MimoParallel", "MimoPluginHost", "MimoSystem", "MimoTensor",
      ],
      path: "Tests/EngineTests", exclude: ["Fixtures"]),
    // The fuzzer's targets (Tests/Fuzz) and what it ever found, as plain tests.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "MimoSystem", "MimoTensor", "MimoContainers", "MimoJSON", "MimoParallel", "MimoMapping", "MimoPluginHost",
        "MimoTransfer", "MimoCheckpoints", "MimoConversion", "MimoVerify",
      ],
      path: "Tests/Fuzz/Targets"),
    .testTarget(name: "FuzzTests", dependencies: [
        "FuzzTargets", "MimoTransfer", "MimoCheckpoints", "MimoConversion", "MimoVerify", "MimoContainers",
        "MimoJSON", "MimoSystem",
      ], path: "Tests/FuzzTests"),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "mimo-host", "BadPlugins", "MimoChecksum", "MimoContainers", "MimoJSON", "MimoParallel", "MimoSystem",
        "MimoTensor",
      ],
      path: "Tests/CommandTests"),
  ]
    + families.map {
      .target(
        name: $0, dependencies: ["PluginABI", "PluginKit"], path: "Plugins/\($0)", swiftSettings: embedded,
        linkerSettings: pluginLinkage)
    },
  swiftLanguageModes: [.v6]
)

// Tools/test-sanitized builds the engine and the tests of what touches raw memory or threads. Plugins stay out: Embedded
// Swift does not link with sanitizers.
if let sanitizer = Context.environment["MIMO_SANITIZED"] {
  let tests = ["System", "Tensor", "Formats", "Mapping", "Engine"].map { "\($0)Tests" }
  let kept = Set(engine.map(\.name) + ["PluginABI", "AlgebraSupport", "supervised-shell"] + tests)
  package.products = []
  package.targets.removeAll { !kept.contains($0.name) }
  if sanitizer == "thread" {
    package.targets.append(.target(name: "ThreadSanitizer", path: "Tests/ThreadSanitizer"))
    for target in package.targets where target.isTest { target.dependencies.append("ThreadSanitizer") }
  }
}
