/// What may stand in a pickle that we make: loading it must not run anything.
extension PicklePolicy {
  /// Pickles of files that are made: `common.pt`, `train_state.pt`, items of `.distcp` files.
  package static let made = PicklePolicy(
    subject: "file that is made", globals: dataGlobals.union([bytes]), allowsPersistentIDs: true,
    maximumByteCount: 1 << 30)

  /// How protocol 2 spells bytes: a call with text and "latin1". Any other call of it finds codecs by name.
  static let bytes = PickleGlobal("_codecs", "encode")

  /// Globals that are data to torch's and megatron-core's loaders.
  ///
  /// Source: torch 2.15 `_weights_only_unpickler`, megatron-core 0.16.1 and 0.19.2 `safe_globals.py`.
  static let dataGlobals = Set(
    tensorGlobals + builtins
      + names("argparse", ["Namespace"]) + names("types", ["SimpleNamespace"])
      + names("pathlib", ["PosixPath"]) + names("pathlib._local", ["PosixPath"])
      + names("numpy", ["ndarray", "dtype"]) + names("numpy.dtypes", ["UInt32DType"])
      + names("numpy.core.multiarray", ["_reconstruct"]) + names("numpy._core.multiarray", ["_reconstruct"])
      + names("megatron.core.enums", ["ModelType"])
      + names(
        "megatron.core.transformer.enums",
        ["AttnBackend", "CudaGraphModule", "CudaGraphScope", "InferenceCudaGraphScope"])
      + names("megatron.core.optimizer.optimizer_config", ["OptimizerConfig"])
      + names("megatron.core.rerun_state_machine", ["RerunDiagnostic", "RerunMode", "RerunState"])
      + names("_io", ["BytesIO"]) + names("io", ["BytesIO"]) + names("signal", ["Signals"])
      + names("torch._C", ["Generator"]))

  private static let builtins = names("__builtin__", builtinNames) + names("builtins", builtinNames)
  private static let builtinNames = ["set", "bytearray", "complex"]
}
