import MimoParallel
import MimoSystem

/// The options that lay a model out over ranks.
struct LayoutOptions {
  var components: [ComponentRequest] = []
  private var tp, pp, cp, ep, etp, ppFirst, ppLast, fsdp, givenWorldSize: Count?
  var padVocabulary = false

  /// --world-size.
  var worldSize: Int? { givenWorldSize?.number }

  /// --tp and the like.
  var single: ClusterLayout.SingleRequest {
    .init(
      tp: tp?.number, pp: pp?.number, cp: cp?.number, ep: ep?.number, etp: etp?.number, ppFirst: ppFirst?.number,
      ppLast: ppLast?.number, fsdp: fsdp?.number)
  }

  /// The first option of a single model's layout that was given.
  var singleOption: String? {
    let given = [
      ("--tp", tp), ("--pp", pp), ("--cp", cp), ("--ep", ep), ("--etp", etp), ("--pp-first", ppFirst),
      ("--pp-last", ppLast), ("--fsdp", fsdp),
    ]
    return given.first { $0.1 != nil }?.0
  }

  /// The first option that was given and does not go with Megatron-FSDP, which neither cuts layers into stages nor keeps
  /// copies for context or data.
  private var beyondFSDP: String? {
    let single = [("--pp", pp), ("--cp", cp), ("--pp-first", ppFirst), ("--pp-last", ppLast), ("--world-size", givenWorldSize)]
    if let given = single.first(where: { $0.1 != nil }) { return given.0 }
    for option in [ComponentRequest.Option.pp, .dp, .cp, .ppFirst, .ppLast] {
      if let component = components.first(where: { $0[option] != nil }) { return "\(option.rawValue) of \(component.name)" }
    }
    return nil
  }

  /// Throws for an option that does not go with Megatron-FSDP.
  func refuseBeyondFSDP() throws(MimoError) {
    guard let option = beyondFSDP else { return }
    throw MimoError(
      .usage, "\(option) does not go with fsdp_dtensor", remedy: "Its sizes are fsdp (dp x cp), tp, ep and etp")
  }

  /// The first option that was given and goes with Megatron-FSDP alone.
  var forFSDPAlone: String? {
    if fsdp != nil { return "--fsdp" }
    return components.first { $0[.fsdp] != nil }.map { "fsdp of \($0.name)" }
  }

  /// The first option of any layout that was given.
  var anyOption: String? {
    if !components.isEmpty { return "--component" }
    if let singleOption { return singleOption }
    if worldSize != nil { return "--world-size" }
    return padVocabulary ? "--pad-vocab" : nil
  }

  static var options: [OptionSpec<LayoutOptions>] {
    [
      .list(
        "--component", "NAME=tp=N[,...]", \.components,
        "A component's sizes: tp, pp, dp, cp, ep, etp, fsdp, pp_first, pp_last, rank_offset. etp is 1 unless said. "
          + "Once for each component"),
      .value("--tp", "N", \.tp, "Tensor parallel size of a single model (default 1)"),
      .value("--pp", "N", \.pp, "Pipeline parallel size (default 1)"),
      .value("--cp", "N", \.cp, "Context parallel size (default 1)"),
      .value("--ep", "N", \.ep, "Expert parallel size (default 1)"),
      .value("--etp", "N", \.etp, "Tensor parallel size of a single model's experts (default: that of --tp)"),
      .value("--fsdp", "N", \.fsdp, "Ranks that share each parameter's rows under Megatron-FSDP (default: the fewest that fit)"),
      .value("--pp-first", "N", \.ppFirst, "Layers on the first pipeline stage (default: an even share)"),
      .value("--pp-last", "N", \.ppLast, "Layers on the last pipeline stage (default: an even share)"),
      .value(
        "--world-size", "N", \.givenWorldSize,
        "Ranks in all; components without dp fill an equal share (default: those of torchrun, srun or mpirun, else the fewest that fit)"),
      .flag("--pad-vocab", \.padVocabulary, "Pad the vocabulary with zero rows, as Megatron's should_pad_vocab does"),
    ]
  }
}
