import MimoContainers

/// The settings that an optimizer steps a group of parameters with: an entry of torch's `param_groups` without `params`.
struct ParameterGroup: Hashable {
  /// By name, in the order that they were told.
  private(set) var settings: [PicklePair]

  init(_ settings: [PicklePair]) { self.settings = settings.filter { $0.key != .string("params") } }

  subscript(name: String) -> PickleValue? {
    get { settings.first { $0.key == .string(name) }?.value }
    set {
      let index = settings.firstIndex { $0.key == .string(name) }
      guard let newValue else {
        if let index { settings.remove(at: index) }
        return
      }
      if let index { settings[index].value = newValue } else { settings.append(PicklePair(.string(name), newValue)) }
    }
  }

  /// Groups of a running optimizer take the settings of the stored group that has the same; none is what is missing.
  ///
  /// Source: megatron-core `param_group_identifier_keys`.
  private static let identifying = [
    "max_lr", "min_lr", "start_wd", "end_wd", "wd_mult", "optimizer", "lr_mult", "is_expert_parallel", "is_decoupled_lr",
  ]

  /// The values that tell a group from others, but for these.
  func identity(without left: Set<String> = []) -> [PickleValue] {
    ParameterGroup.identifying.filter { !left.contains($0) }.map { self[$0] ?? self["pre_" + $0] ?? .none }
  }

  var isExpertParallel: Bool {
    get { self["is_expert_parallel"]?.boolValue ?? false }
    set { self["is_expert_parallel"] = .bool(newValue) }
  }

  /// Its parameters are decayed; nil where it does not tell.
  var hasWeightDecay: Bool? {
    switch self["wd_mult"] ?? self["pre_wd_mult"] {
    case .float(let factor)?: factor != 0
    case .int(let factor)?: factor != 0
    default: nil
    }
  }
}
