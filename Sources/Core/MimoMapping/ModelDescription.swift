import MimoParallel
import MimoTensor

/// A tensor of the Hugging Face checkpoint, as a plugin declared it.
package struct SourceDeclaration: Sendable, Hashable {
  package var name: String
  package var shape: GlobalShape
  /// The dtype in published checkpoints; nil for the model's own.
  package var published: DType?
  /// How its values are packed in this checkpoint; nil when they lie there as they are, under `name`.
  package var encoding: Encoding?

  package init(name: String, shape: GlobalShape, published: DType?, encoding: Encoding? = nil) {
    self.name = name
    self.shape = shape
    self.published = published
    self.encoding = encoding
  }

  /// Names of the tensors that hold it.
  package var storedNames: [String] { encoding.map { [$0.codes, $0.scales] } ?? [name] }
}

/// A position along an axis: layer 3 of 8, expert 5 of 128.
package struct AxisPosition: Sendable, Hashable {
  package var index: Int
  package var count: Int
  package init(index: Int, count: Int) {
    self.index = index
    self.count = count
  }
}

/// A tensor of the target layout, whole, and how it is made of sources.
package struct TargetDeclaration: Sendable {
  package enum Kind: Sendable, Hashable {
    case parameter
    case buffer
  }

  /// Index into the plugin's components.
  package var component: Int
  /// Name in the module, below the component's prefix; `{layer}` and `{expert}` stand for global numbers.
  package var name: String
  /// Name in a distributed checkpoint; a placeholder of `name` that is missing here is a leading axis.
  package var key: String
  package var shape: GlobalShape
  package var fragments: [Fragment]
  package var kind: Kind
  /// nil for the model's own dtype.
  package var dtype: DType?
  package var placement: Placement
  /// The layer that `{layer}` stands for.
  package var layer: AxisPosition?
  /// Dim 0 is the vocabulary and may be padded.
  package var isVocabulary: Bool
  /// What follows its name and the part's: `.exp_avg` for a parameter's state under Megatron-FSDP.
  package var ending = ""

  package init(
    component: Int, name: String, key: String, shape: GlobalShape, fragments: [Fragment], kind: Kind, dtype: DType?,
    placement: Placement, layer: AxisPosition?, isVocabulary: Bool
  ) {
    self.component = component
    self.name = name
    self.key = key
    self.shape = shape
    self.fragments = fragments
    self.kind = kind
    self.dtype = dtype
    self.placement = placement
    self.layer = layer
    self.isVocabulary = isVocabulary
  }

  /// The expert that `{expert}` stands for.
  package var expert: AxisPosition? { placement.expert.map { AxisPosition(index: $0.index, count: $0.count) } }

  /// The module name with global layer and expert numbers.
  package var globalName: String {
    Template.fill(name, layer: layer?.index, expert: placement.expert?.index) + ending
  }
}

/// A copy of a first-stage target that the last stage holds when there is more than one stage.
package struct AliasDeclaration: Sendable, Hashable {
  package var target: Int
  package var name: String
  package init(target: Int, name: String) {
    self.target = target
    self.name = name
  }
}

/// An entry without weights that a loader asks for.
package struct StateEntryDeclaration: Sendable, Hashable {
  package var component: Int
  package var key: String
  package var layer: AxisPosition?
  package var expert: AxisPosition?
  package init(component: Int, key: String, layer: AxisPosition?, expert: AxisPosition?) {
    self.component = component
    self.key = key
    self.layer = layer
    self.expert = expert
  }
}

/// Sources that have no place in the layout.
package struct DropRule: Sendable, Hashable {
  package var pattern: String
  package var reason: String
  package init(pattern: String, reason: String) {
    self.pattern = pattern
    self.reason = reason
  }
}

/// `duplicate` may be stored beside `original`; then both must hold the same bits.
package struct Tie: Sendable, Hashable {
  package var duplicate: String
  package var original: String
  package init(duplicate: String, original: String) {
    self.duplicate = duplicate
    self.original = original
  }
}

/// A value that a plugin gives for a field of a config.
package enum ConfigField: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case ints([Int])
  /// The value of config.json at this path.
  case config(String)
  /// `{_target_: name}`.
  case target(String)
  /// `{_target_: name, _call_: false}`.
  case name(String)
  /// The key is taken out.
  case remove
}

/// A field of the trainer's provider, by dotted path.
package struct ProviderField: Sendable, Hashable {
  package var path: String
  package var value: ConfigField
  package init(path: String, value: ConfigField) {
    self.path = path
    self.value = value
  }
}

/// What an exported config.json says instead, and why.
package struct ConfigOverride: Sendable, Hashable {
  package var path: String
  package var value: ConfigField
  package var reason: String
  package init(path: String, value: ConfigField, reason: String) {
    self.path = path
    self.value = value
    self.reason = reason
  }
}

/// Everything that a plugin declared of one model in one layout.
package struct ModelDescription: Sendable {
  package var sources: [SourceDeclaration] = []
  package var targets: [TargetDeclaration] = []
  package var aliases: [AliasDeclaration] = []
  package var stateEntries: [StateEntryDeclaration] = []
  package var drops: [DropRule] = []
  package var ties: [Tie] = []
  package var providerClass: String?
  package var providerFields: [ProviderField] = []
  package var configOverrides: [ConfigOverride] = []
  /// Tensors of the model's other components, where one is described alone.
  package var otherSources: Set<String> = []

  package init() {}
}
