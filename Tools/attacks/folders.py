"""Slips of a careless user: the wrong OUT, leftovers, names that are none."""

import json
import os
import shutil
import signal

from attacks.ground import FIXTURES, attack, files


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in files(folder)}


@attack("F3", "--overwrite takes what mimo-host did not write")
def overwritten(ground):
    source = ground.model()
    megatron = source.parent / "megatron"
    outcome = ground.convert(source, megatron)
    yield "made", outcome.why if outcome.code else None

    def foreign_model(out):
        shutil.copytree(source, out)
        (out / "my_lora").mkdir()
        (out / "my_lora/adapter.bin").write_text("x")

    def bare_model(out):
        shutil.copytree(source, out)

    def copied_report(out):
        out.mkdir()
        shutil.copy(megatron / "conversion_report.json", out)
        (out / "diary.txt").write_text("precious")

    def one_more_file(out):
        shutil.copytree(megatron, out, copy_function=shutil.copy2)
        (out / "notes.md").write_text("precious")

    def one_more_folder(out):
        shutil.copytree(megatron, out, copy_function=shutil.copy2)
        (out / "iter_0000000/more").mkdir()
        (out / "iter_0000000/more/x").write_text("precious")

    def trained_on(out):
        shutil.copytree(megatron, out, copy_function=shutil.copy2)
        (out / "iter_0000100").mkdir()
        (out / "iter_0000100/common.pt").write_text("precious")

    def edited(out):
        shutil.copytree(megatron, out, copy_function=shutil.copy2)
        with open(out / "iter_0000000/run_config.yaml", "a") as file:
            file.write("# mine\n")

    def touched(out):
        shutil.copytree(megatron, out, copy_function=shutil.copy2)
        os.utime(out / "iter_0000000/.metadata")

    def linked(out):
        target = out.parent / "target"
        shutil.copytree(megatron, target, copy_function=shutil.copy2)
        out.symlink_to(target)

    for make in (foreign_model, bare_model, copied_report, one_more_file, one_more_folder, trained_on, edited, touched, linked):
        out = ground.fresh("over") / "out"
        make(out)
        before = contents(out)
        outcome = ground.convert(source, out, "--overwrite")
        yield make.__name__, (
            "it was replaced" if outcome.code == 0 or contents(out) != before else
            None if outcome.is_one_line else outcome.why)
    swapped = ground.fresh("over") / "out"
    bare_model(swapped)
    before = contents(swapped)
    outcome = ground.convert(megatron, swapped, "--overwrite", to="hf")
    yield "swapped arguments", None if outcome.code and contents(swapped) == before else "a model was replaced"
    out = ground.fresh("over") / "out"
    ground.convert(source, out)
    outcome = ground.convert(source, out, "--overwrite")
    yield "our own OUT is replaced", outcome.why if outcome.code else ground.same(source, out)


@attack("F11", "names that are not UTF-8")
def strange_names(ground):
    source = ground.model()
    out = os.fsencode(source.parent) + b"/n_\xff"
    outcome = ground.convert(source, out)
    names = [name for name in os.listdir(os.fsencode(source.parent)) if name.startswith(b"n_")]
    if outcome.code == 0:
        yield "OUT", None if names == [b"n_\xff"] else f"{names} was made"
    else:
        yield "OUT", f"{names} was made" if names else (None if outcome.is_one_line else outcome.why)


@attack("F16", "a run that died leaves what nobody finds")
def leftovers(ground):
    config = FIXTURES / "configs/qwen3_vl_300mb.json"
    for name in ("SIGHUP", "SIGTERM", "SIGINT"):
        folder = ground.fresh("left")
        outcome = ground.run(
            "synth", "--plugin", "Qwen3VL", "--config", config, folder / "sy",
            stop=f"pwrite:.safetensors:3:{int(getattr(signal, name))}")
        left = sorted(p.name for p in folder.iterdir())
        yield f"synth, {name}", f"exit {outcome.code}, {left} is left" if left or outcome.code == 0 else None
    folder = ground.fresh("left")
    ground.run(
        "synth", "--plugin", "Qwen3VL", "--config", config, folder / "sy",
        stop=f"pwrite:.safetensors:3:{int(signal.SIGKILL)}")
    left = sorted(p.name for p in folder.iterdir())
    listed = ground.run("clean", folder)
    unnamed = [name for name in left if name not in listed.out + listed.err]
    yield "synth, SIGKILL: clean names it", f"{unnamed} is not named" if unnamed or not left else None
    source = ground.model()
    out = source.parent / "out"
    outcome = ground.stop_at(source, out, 5, by=signal.SIGHUP)
    yield "convert, SIGHUP", None if outcome.code == 129 else outcome.why


@attack("F14", "words that mislead")
def words(ground):
    source = ground.model()
    folder = source.parent / "full"
    folder.mkdir()
    (folder / "x").write_text("x")
    outcome = ground.convert(source, folder)
    yield "a folder that --overwrite would not replace", (
        "it says that --overwrite replaces it" if "--overwrite replaces it" in outcome.err else None)
    out = source.parent / "out"
    outcome = ground.stop_at(source, out, 6, "--restart")
    yield "stopped with --restart", (
        "it says that the same command goes on" if "the same command again goes on" in outcome.err else None)
    outcome = ground.run("convert", "--plugin", "Qwen3VL", "--to", "megatron", "--tp", 4, source, out)
    yield "another layout", None if outcome.code and "{" not in outcome.err else outcome.why
    os.utime(source / "model-00001-of-00003.safetensors")
    outcome = ground.convert(source, out)
    yield "a touched source", (
        None if outcome.code and "Run the former command" not in outcome.err else outcome.why)
    large = json.loads((FIXTURES / "configs/Qwen3-30B-A3B.json").read_text())
    large["num_experts"] = 65536
    config = source.parent / "c.json"
    config.write_text(json.dumps(large))
    outcome = ground.run("plan", "--plugin", "Qwen3MoE", "--to", "megatron", config)
    yield "a config that is too large", (
        None if outcome.code and "fault of the plugin" not in outcome.err else outcome.why)
    outcome = ground.run(
        "verify", "--plugin", "Qwen3VL", source, source, stop=f"pread:.safetensors:9:{int(signal.SIGINT)}")
    yield "a stopped verify", "it speaks of publishing" if "published" in outcome.err else None
