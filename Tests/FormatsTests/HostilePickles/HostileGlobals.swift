import MimoContainers

/// What public attacks on torch files name, and what scanners that work with a list of bad names were found to miss:
/// the advisories of picklescan, fickling and modelscan, CVE-2025-32434 (torch.load), CVE-2025-10155 to 10157.
enum HostileGlobals {
  static let all: [PickleGlobal] =
    globals("os", "system", "popen", "execv", "spawnl", "posix_spawn", "putenv", "remove")
    + globals("posix", "system", "popen", "execve") + globals("nt", "system", "startfile")
    + globals("subprocess", "Popen", "run", "call", "check_output", "getoutput", "_args_from_interpreter_flags")
    + globals("commands", "getoutput") + globals("pty", "spawn") + globals("socket", "create_connection")
    + globals("builtins", "eval", "exec", "compile", "open", "getattr", "setattr", "__import__", "breakpoint", "map", "type")
    + globals("__builtin__", "eval", "exec", "execfile", "apply", "getattr", "file", "input")
    + globals("sys", "modules", "settrace", "exit") + globals("importlib", "import_module", "reload")
    + globals("importlib.util", "module_from_spec") + globals("pkgutil", "resolve_name") + globals("runpy", "_run_code", "run_path")
    + globals("pickle", "loads", "Unpickler") + globals("_pickle", "loads") + globals("marshal", "loads") + globals("dill", "loads")
    + globals("joblib", "load") + globals("cloudpickle.cloudpickle", "_make_function", "_builtin_type", "subimport")
    + globals("types", "CodeType", "FunctionType") + globals("copyreg", "_reconstructor", "__newobj__", "add_extension")
    + globals("operator", "attrgetter", "methodcaller", "itemgetter") + globals("functools", "partial", "reduce")
    + globals("itertools", "starmap") + globals("code", "InteractiveInterpreter.runcode") + globals("codeop", "compile_command")
    + globals("bdb", "Bdb.run") + globals("pdb", "run") + globals("trace", "Trace.run") + globals("timeit", "timeit", "repeat")
    + globals("profile", "run", "Profile.runctx") + globals("cProfile", "run", "runctx") + globals("doctest", "debug_script")
    + globals("pip", "main") + globals("pip._internal", "main") + globals("ensurepip", "_run_pip") + globals("venv", "create")
    + globals("webbrowser", "open") + globals("requests.api", "get") + globals("http.client", "HTTPSConnection")
    + globals("urllib.request", "urlopen", "urlretrieve") + globals("aiohttp.client", "ClientSession") + globals("ssl", "get_server_certificate")
    + globals("asyncio", "create_subprocess_shell") + globals("asyncio.unix_events", "_UnixSubprocessTransport._start")
    + globals("multiprocessing.util", "spawnv_passfds") + globals("distutils.file_util", "write_file")
    + globals("shutil", "rmtree", "copyfile") + globals("tempfile", "mktemp") + globals("zipfile", "ZipFile") + globals("uuid", "_get_command_stdout")
    + globals("ctypes", "CDLL", "memmove") + globals("_ctypes", "dlopen") + globals("signal", "signal") + globals("atexit", "register")
    + globals("idlelib.run", "Executive.runcode") + globals("idlelib.pyshell", "ModifiedInterpreter.runcode")
    + globals("idlelib.debugobj", "ObjectTreeItem.SetText") + globals("lib2to3.pgen2.pgen", "ParserGenerator.make_label")
    + globals("lib2to3.pgen2.grammar", "Grammar.loads") + globals("test.support.script_helper", "assert_python_ok")
    + globals("logging.config", "_install_loggers", "listen") + globals("pydoc", "pipepager", "locate") + globals("sqlite3", "connect")
    + globals("numpy", "load", "fromfile", "memmap") + globals("numpy.testing._private.utils", "runstring")
    + globals("numpy.f2py.crackfortran", "getlincoef", "_eval_length", "param_eval", "myeval") + globals("pandas", "read_pickle")
    + globals("torch", "load", "compile", "save") + globals("torch.serialization", "load", "_legacy_load")
    + globals("torch.hub", "load", "_load_local", "download_url_to_file") + globals("torch.jit", "load", "script", "trace")
    + globals("torch.jit.unsupported_tensor_ops", "execWrapper") + globals("torch._inductor.codecache", "compile_file")
    + globals("torch._dynamo.guards", "GuardBuilder.get") + globals("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression")
    + globals("torch.fx.graph_module", "reduce_graph_module", "_forward_from_src")
    + globals("torch.utils._config_module", "ConfigModule.load_config", "load_config")
    + globals("torch.utils.bottleneck.__main__", "run_cprofile", "run_autograd_prof")
    + globals("torch.utils.collect_env", "run", "run_and_read_all") + globals("torch.utils.data.datapipes.utils.decoder", "basichandlers")
    + globals("torch.utils.cpp_extension", "load", "load_inline") + globals("torch.package", "PackageImporter")
    + globals("torch.storage", "_load_from_bytes") + globals("torch.distributed.rpc", "rpc_sync")
    + globals("torch._utils", "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_numpy")
    + globals("transformers", "AutoModel.from_pretrained") + globals("keras.models", "load_model") + globals("nemo.core", "import_class_by_path")

  private static func globals(_ module: String, _ names: String...) -> [PickleGlobal] {
    names.map { PickleGlobal(module, $0) }
  }
}
