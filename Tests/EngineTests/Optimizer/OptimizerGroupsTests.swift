import MimoContainers
import MimoMapping
import MimoParallel
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

/// Which group of an optimizer a parameter is in: told by name in one format, to be found by Megatron's rules in the other.
@Suite struct OptimizerGroupsTests {
  private static let names: [(name: String, dims: DimVector, isExpert: Bool)] = [
    ("decoder.layers.0.self_attention.linear_proj.weight", [4, 6], false),
    ("decoder.layers.0.self_attention.linear_proj.bias", [4], false),
    ("decoder.layers.0.self_attention.q_layernorm.weight", [4], false),
    ("decoder.layers.0.self_attention.conv1d.weight", [4, 1, 2], false),
    ("decoder.layers.0.mlp.experts.linear_fc1.weight{expert}", [8, 4], true),
    ("decoder.layers.0.mlp.experts.linear_fc1.bias{expert}", [8], true),
    ("decoder.layers.0.mlp.router.expert_bias", [4], false),
  ]
  /// All but the last have state.
  private static let hasState = names.map { !$0.name.hasSuffix("expert_bias") }

  private static let model: ModelDescription = {
    var model = ModelDescription()
    model.targets = names.map { name, dims, isExpert in
      TargetDeclaration(
        component: 0, name: name, key: name, shape: GlobalShape(dims), fragments: [], kind: .parameter, dtype: nil,
        placement: Placement(stage: .layer(0), expert: isExpert ? .init(index: 2, count: 4) : nil), layer: nil,
        isVocabulary: false)
    }
    return model
  }()

  private static func group(
    decays: Bool, isExpert: Bool = false, _ more: KeyValuePairs<String, PickleValue> = [:]
  ) -> ParameterGroup {
    var group = ParameterGroup([])
    group["wd_mult"] = .float(decays ? 1 : 0)
    group["max_lr"] = .float(0.5)
    group["is_expert_parallel"] = .bool(isExpert)
    group["step"] = .int(7)
    for (name, value) in more { group[name] = value }
    return group
  }

  private static func common(_ chain: [[ParameterGroup]], decaysQKNorms: Bool? = nil) -> PickleValue {
    let states = chain.map { groups in
      PickleValue.record(["optimizer": .record(["param_groups": .list(groups.map { .dict($0.settings) })])])
    }
    let optimizer = states.count == 1 ? states[0] : .dict(states.enumerated().map { PicklePair(.int(Int64($0.offset)), $0.element) })
    let arguments = PickleObject(
      .new, PickleGlobal("argparse", "Namespace"),
      state: .record(["apply_wd_to_qk_layernorm": decaysQKNorms.map(PickleValue.bool) ?? .none]))
    return .record(["optimizer": optimizer, "args": .object(arguments)])
  }

  private static func read(_ common: PickleValue) -> Result<OptimizerGroups, OptimizerObstacle> {
    do throws(OptimizerObstacle) {
      return .success(try OptimizerGroups(common: common, of: model, hasState: hasState))
    } catch { return .failure(error) }
  }

  private static func decayed(_ groups: OptimizerGroups) -> [Bool?] {
    names.indices.map { groups[$0]?.hasWeightDecay }
  }

  // MARK: torch_dist

  @Test func vectorsAndBiasesAreNotDecayedAndWhatHasNoStateIsInNoGroup() throws {
    let groups = try Self.read(Self.common([[Self.group(decays: true), Self.group(decays: false)]])).get()
    #expect(Self.decayed(groups) == [true, false, false, true, true, false, nil])
  }

  @Test func normsOfQueriesAndKeysAreDecayedWhereTheArgumentsSaySo() throws {
    let groups = [Self.group(decays: true), Self.group(decays: false)]
    #expect(Self.decayed(try Self.read(Self.common([groups], decaysQKNorms: true)).get())[2] == true)
    #expect(Self.decayed(try Self.read(Self.common([groups], decaysQKNorms: false)).get())[2] == false)
  }

  @Test func expertsAreInGroupsOfTheirOwnWhereTheseAre() throws {
    let dense = [Self.group(decays: true, ["lr": .float(1)]), Self.group(decays: false, ["lr": .float(1)])]
    let experts = [Self.group(decays: true, isExpert: true, ["lr": .float(2)]), Self.group(decays: false, isExpert: true, ["lr": .float(2)])]
    let groups = try Self.read(Self.common([dense, experts])).get()
    #expect(Self.names.indices.map { groups[$0]?["lr"] } == [.float(1), .float(1), .float(1), .float(1), .float(2), .float(2), nil])
  }

  @Test func oneGroupHasAllParameters() throws {
    let groups = try Self.read(Self.common([[Self.group(decays: true)]])).get()
    #expect(Self.decayed(groups) == [true, true, true, true, true, true, nil])
  }

  @Test func theStepOfAnOptimizerThatIsNotDistributedStandsBesideTheGroups() throws {
    var group = Self.group(decays: true)
    group["step"] = nil
    let state = PickleValue.record([
      "optimizer": .record([
        "param_groups": .list([.dict(group.settings + [PicklePair(.string("params"), .list([.int(0)]))])]),
        "state": .record(["common_step": .float(9)]),
      ])
    ])
    let common = PickleValue.record(["optimizer": state])
    #expect(try Self.read(common).get()[0]?["step"] == .int(9))
    #expect(try Self.read(common).get()[0]?["params"] == nil)
    #expect(OptimizerGroups.numberParameters(in: common))
    #expect(!OptimizerGroups.numberParameters(in: Self.common([[Self.group(decays: true)]])))
  }

  @Test(arguments: [
    (common([[group(decays: true), group(decays: false), group(decays: false, ["max_lr": .float(0.25)])]]), "it is not known which has"),
    (common([[group(decays: true, ["max_lr": .float(1)]), group(decays: false)]]), "it is not known which has"),
    (common([[group(decays: true, ["step": .int(8)]), group(decays: false)]]), "2 steps"),
    (common([[group(decays: true, ["step": .float(7.5)])]]), "whole number"),
    (common([[group(decays: true, ["step": .none])]]), "whole number"), (common([[]]), "no param_groups"),
    (.record([:]), "no param_groups"),
  ]) func groupsThatCannotBeToldApartAreAnObstacle(common: PickleValue, reason: String) {
    guard case .failure(let obstacle) = Self.read(common) else {
      Issue.record("taken")
      return
    }
    #expect(obstacle.reason.contains(reason))
  }

  // MARK: In another layout

  private static let together = ComponentLayout(tp: 2)
  private static let apart = [ComponentLayout(ep: 2), ComponentLayout(tp: 2, etp: 1)]

  @Test(arguments: apart) func expertsGetAnOptimizerOfTheirOwnWhereTheyHaveProcessGroupsOfTheirOwn(_ layout: ComponentLayout) throws {
    let groups = try Self.read(Self.common([[Self.group(decays: false), Self.group(decays: true)]])).get()
    let formed = try groups.formed(expertsAreApart: OptimizerGroups.expertsAreApart(in: layout), Self.model)
    #expect(Self.names.indices.map { formed[$0]?.isExpertParallel } == [false, false, false, false, true, true, nil])
    let common = PickleValue.record(["optimizer": formed.common(like: nil)])
    #expect(OptimizerGroups.chainLength(in: common) == 2)
    let read = try Self.read(common).get()
    #expect(Self.names.indices.map { read[$0] } == Self.names.indices.map { formed[$0] })
    // The group without overrides comes first.
    let first = Self.lists(formed.common(like: nil)).map { $0.first?["wd_mult"] }
    #expect(first == [.float(1), .float(1)])
  }

  @Test func expertsJoinTheOthersWhereTheyHaveTheSameProcessGroups() throws {
    let chain = [false, true].map { isExpert in
      [Self.group(decays: true, isExpert: isExpert), Self.group(decays: false, isExpert: isExpert)]
    }
    let formed = try Self.read(Self.common(chain)).get().formed(expertsAreApart: OptimizerGroups.expertsAreApart(in: Self.together), Self.model)
    #expect(Self.lists(formed.common(like: nil)).map(\.count) == [2])
    #expect(formed.groups.allSatisfy { !$0.isExpertParallel })
  }

  @Test func whatIsOneGroupInTheOtherLayoutMustHaveTheSameSettings() throws {
    let chain = [[Self.group(decays: true), Self.group(decays: false)], [Self.group(decays: true, isExpert: true, ["lr": .float(3)])]]
    let groups = try Self.read(Self.common(chain)).get()
    do {
      _ = try groups.formed(expertsAreApart: OptimizerGroups.expertsAreApart(in: Self.together), Self.model)
      Issue.record("formed")
    } catch { #expect(error.reason.contains("have different lr")) }
    _ = try groups.formed(expertsAreApart: true, Self.model)
  }

  @Test func whatStandsBesideTheGroupsStays() throws {
    let former = PickleValue.record([
      "optimizer": .record([
        "optimizer": .record(["param_groups": .list([.dict(Self.group(decays: true).settings)])]),
        "param_state_sharding_type": .string("fully_sharded_model_space"), "grad_scaler": .record(["scale": .float(2)]),
      ])
    ])
    let formed = try Self.read(former).get().formed(expertsAreApart: true, Self.model)
    guard case .dict(let states) = formed.common(like: former) else {
      Issue.record("no dict")
      return
    }
    #expect(states.map(\.key) == [.int(0), .int(1)])
    for state in states.map(\.value) {
      #expect(state["param_state_sharding_type"]?.stringValue == "fully_sharded_model_space")
      #expect(state["grad_scaler"]?["scale"] == .float(2))
    }
  }

  private static func lists(_ optimizer: PickleValue) -> [[PickleValue]] {
    func list(_ state: PickleValue) -> [PickleValue] {
      if case .list(let groups)? = state["optimizer"]?["param_groups"] { groups } else { [] }
    }
    guard optimizer["optimizer"] == nil, case .dict(let chain) = optimizer else { return [list(optimizer)] }
    return chain.map { list($0.value) }
  }
}
