"""Files that lie: code in pickles, companions that a loader would run, numbers that ask for the machine."""

import io
import json
import os
import pickle
import struct
import zipfile

from attacks.ground import attack, files


class Call:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def archive(state, folder="archive"):
    """What torch.save writes of a dict without tensors."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(f"{folder}/data.pkl", pickle.dumps(state, 2))
        file.writestr(f"{folder}/version", "3\n")
    return data.getvalue()


def load_all(folder):
    """Unpickles every archive and pickle below a folder, as a careless loader would."""
    for path in files(folder):
        data = path.read_bytes()
        streams = []
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                streams = [file.read(name) for name in file.namelist() if name.endswith(".pkl")]
        elif path.suffix in (".pt", ".pkl", ".bin", ".ckpt") or path.name == ".metadata":
            streams = [data]
        for stream in streams:
            try:
                pickle.Unpickler(io.BytesIO(stream)).load()
            except Exception:
                pass


@attack("F8", "code in a checkpoint's state travels")
def code_in_state(ground):
    source = ground.model()
    megatron = source.parent / "megatron"
    ground.convert(source, megatron)
    marker = source.parent / "RAN"
    call = Call(f"touch {marker}")
    good = {"checkpoint_version": 3.0, "iteration": 0}
    states = {
        "at the top": dict(good, x=call),
        "in a list in a dict": dict(good, args={"a": [1, call]}),
        "as a key": dict(good, x={(1, 2): {"k": call}}),
        "without an iteration": {"checkpoint_version": 3.0, "x": call},
        "instead of the iteration": {"checkpoint_version": 3.0, "iteration": call},
        "instead of all": call,
    }
    for name, state in states.items():
        (megatron / "iter_0000000/common.pt").write_bytes(archive(state))
        for word in ("", "--ignore-report"):
            out = source.parent / "out"
            outcome = ground.run(
                "convert", "--plugin", "Qwen3VL", "--to", "megatron", *([word] if word else []), megatron, out)
            if outcome.code == 0:
                load_all(out)
                yield f"{name} {word}", "it ran" if marker.exists() else None
                marker.unlink(missing_ok=True)
                ground.run("clean", source.parent)
                os.rename(out, source.parent / f"old-{len(os.listdir(source.parent))}")
            else:
                yield f"{name} {word}", None if outcome.is_one_line or word and outcome.code == 2 else outcome.why


@attack("F8", "companions that a pickle loader opens travel")
def companions(ground):
    source = ground.model()
    marker = source.parent / "RAN"
    bad = archive({"x": Call(f"touch {marker}")})
    names = ["training_args.bin", "optimizer.pt", "a.pth", "b.pkl", "c.pickle", "d.ckpt", "innocent.txt", "sub/e.pt"]
    (source / "sub").mkdir()
    for name in names:
        (source / name).write_bytes(bad)
    (source / "naked.dat").write_bytes(pickle.dumps({"x": Call(f"touch {marker}")}, 4))
    (source / "modeling.py").write_text("# code\n")
    megatron, back = source.parent / "megatron", source.parent / "back"
    outcome = ground.convert(source, megatron)
    yield "hf -> megatron", outcome.why if outcome.code else None
    outcome = ground.convert(megatron, back, to="hf")
    yield "megatron -> hf", outcome.why if outcome.code else None
    for folder in (megatron, back):
        travelled = [p.name for p in files(folder) if p.read_bytes() in (bad, (source / "naked.dat").read_bytes())]
        yield f"in {folder.name}", f"{travelled} travelled" if travelled else None
    yield "*.py travels", None if (back / "modeling.py").exists() else "it is gone"
    omissions = json.loads((megatron / "conversion_report.json").read_text()).get("omissions", [])
    named = {entry["name"] for entry in omissions}
    missing = [name for name in names + ["naked.dat"] if name not in named]
    yield "they are named in the report", f"{missing} are not" if missing else None


@attack("F13", "numbers that ask for the machine")
def large_numbers(ground):
    config = ground.model() / "config.json"
    moe = ["plan", "--plugin", "Qwen3VL", "--to"]
    cases = {
        "--memory 1": ["--memory", 1, "megatron", config],
        "--fsdp 1000000000": ["fsdp_dtensor", "--fsdp", 10**9, config],
        "--tp 1000000000": ["megatron", "--tp", 10**9, config],
        "--jobs 1000000000": ["megatron", "--jobs", 10**9, config],
        "--world-size 10^12": ["megatron", "--world-size", 10**12, config],
        "--memory 9e18": ["megatron", "--memory", 9 * 10**18, config],
    }
    for name, words in cases.items():
        ordered = moe + [w for w in words if w in ("megatron", "fsdp_dtensor")]
        ordered += [w for w in words if w not in ("megatron", "fsdp_dtensor")]
        outcome = ground.run(*ordered, timeout=60)
        isRefused = outcome.code != 0
        if name in ("--memory 1", "--fsdp 1000000000", "--tp 1000000000"):
            yield name, None if isRefused and outcome.is_one_line else f"taken: {outcome.why}"
        else:
            yield name, None if outcome.code == 0 or outcome.is_one_line else outcome.why
    for length in (2**63 - 1, 2**40, 10**8 + 1):
        source = ground.model()
        path = source / "model-00001-of-00003.safetensors"
        data = path.read_bytes()
        path.write_bytes(struct.pack("<Q", length) + data[8:])
        out = source.parent / "out"
        yield f"a head of {length} bytes", ground.expect_refusal(ground.convert(source, out), out)


@attack("F13", "little address space")
def address_space(ground):
    source = ground.model()
    steps = range(40, 1000, 40) if ground.is_long else (40, 120, 200, 300, 500, 900)
    for megabytes in steps:
        for words in (["plan", "--plugin", "Qwen3VL", "--to", "megatron", source],
                      ["convert", "--plugin", "Qwen3VL", "--to", "megatron", source, ground.fresh() / "out"],
                      ["inspect", source]):
            limit = megabytes << 20
            import resource
            outcome = ground.run(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            # Below what the loader itself needs nobody of ours says a word.
            isLoader = outcome.code in (127, -11, 1) and "error while loading" in outcome.err
            yield f"{megabytes} MB, {words[0]}", None if outcome.code == 0 or outcome.is_one_line or isLoader else outcome.why
