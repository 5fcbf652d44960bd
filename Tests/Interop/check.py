#!/usr/bin/env python3
"""Loads what mimo-host wrote with the libraries that it is written for. See README.md.

    check.py STEP HOST WORK      STEP: convert, torch, training, megatron or transformers; WORK: folder of the conversions

Each step ends with 0 and a line that says what was compared, or with a list of what differs and 1.
"""
import json
import os
import struct
import subprocess
import sys
import warnings
import zlib

warnings.filterwarnings("ignore")
FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures")
TENSORS = {"U8": 1, "BF16": 2, "F16": 2, "F32": 4}

# Name of the conversion -> fixture, arguments. Layouts differ from those in which the checks load.
CONVERSIONS = {
    "dense-tp1": ("qwen3_5_vl", ["--to", "megatron"]),
    "dense-tp2pp2": ("qwen3_5_vl", ["--to", "megatron", "--tp", "2", "--pp", "2"]),
    "dense-mimo": ("qwen3_5_vl", ["--to", "mimo", "--component", "language=tp=2,pp=2", "--component", "images=tp=1"]),
    "experts-tp2ep2": ("qwen3_vl_moe", ["--to", "megatron", "--tp", "2", "--ep", "2", "--etp", "1"]),
    "experts-mimo": ("qwen3_vl_moe", ["--to", "mimo", "--component", "images=tp=2,dp=1",
                                      "--component", "language=tp=1,ep=4,etp=1,dp=4"]),
    "dense-resharded": ("qwen3_5_vl", ["--to", "megatron", "--tp", "2", "--pp", "2"]),
    "dense-to-mimo": ("qwen3_5_vl", ["--to", "mimo", "--component", "language=tp=1", "--component", "images=tp=2"]),
    "experts-crossed": ("qwen3_vl_moe", ["--to", "megatron", "--tp", "2", "--pp", "2"]),
}
# Those that start from another conversion rather than from the fixture.
STARTS = {"dense-resharded": "dense-tp1", "dense-to-mimo": "dense-tp2pp2", "experts-crossed": "experts-mimo"}
# A checkpoint of a training, which torch writes, in another layout.
TRAINED, TRAINED_TO = "trained", "trained-tp2pp2"
MIMO_PREFIX = "modality_submodules.images.encoders.qwen_visual."
failures = []


def expect(condition, text):
    if not condition:
        failures.append(text)


def finish(text):
    for failure in failures[:20]:
        print("  FAILED " + failure)
    print(f"  {'ok' if not failures else 'FAILED'}: {text}")
    sys.exit(1 if failures else 0)


def convert(host, work):
    for name, (fixture, arguments) in CONVERSIONS.items():
        out = os.path.join(work, name)
        start = os.path.join(work, STARTS[name]) if name in STARTS else f"{FIXTURES}/{fixture}/hf"
        subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", *arguments, start, out], check=True)
        subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "hf", out, out + "-hf"], check=True)
    finish(f"{len(CONVERSIONS)} conversions there and back")


def expected_facts(fixture):
    """Key -> dtype, shape, CRC-32 of the bytes: what Megatron-Bridge wrote for a checkpoint."""
    facts = {}
    for line in open(f"{FIXTURES}/{fixture}/expected/torch_dist.tsv"):
        if not line.startswith("#"):
            key, dtype, shape, crc, _ = line.rstrip("\n").split("\t")
            facts[key] = (dtype, tuple(int(x) for x in shape.split(",") if x), int(crc, 16))
    return facts


def expected(name):
    """The same under the names of a conversion."""
    fixture, arguments = CONVERSIONS[name]
    facts = expected_facts(fixture)
    if "mimo" in arguments:
        facts = {k.replace("vision_model.", MIMO_PREFIX): v for k, v in facts.items() if ".mtp." not in k}
    return facts


def iteration(work, name):
    return os.path.join(work, name, "iter_0000000")


def raw(tensor):
    import torch
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def compare(name, tensors):
    """Every tensor of the reference is there, with its bits, and no other."""
    import torch
    names = {torch.bfloat16: "BF16", torch.float32: "F32"}
    facts = {k: v for k, v in expected(name).items() if v[0] != "object"}
    expect(set(tensors) == set(facts), f"{name}: keys {sorted(set(tensors) ^ set(facts))[:4]}")
    for key in set(tensors) & set(facts):
        seen = (names[tensors[key].dtype], tuple(tensors[key].shape), zlib.crc32(raw(tensors[key])))
        expect(seen == facts[key], f"{name} {key}: {seen}, expected {facts[key]}")
    return len(facts)


# ---------------------------------------------------------------- torch


def empty_state(folder):
    import torch
    from torch.distributed.checkpoint import FileSystemReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata
    entries = FileSystemReader(folder).read_metadata().state_dict_metadata
    tensors = {k: torch.empty(v.size, dtype=v.properties.dtype) for k, v in entries.items() if isinstance(v, TensorStorageMetadata)}
    return tensors, [k for k in entries if k not in tensors]


def load_whole(folder):
    from torch.distributed.checkpoint import load
    tensors, _ = empty_state(folder)
    load(tensors, checkpoint_id=folder, no_dist=True)
    return tensors


def processes(count, function, *arguments):
    """Runs function(rank, *arguments) in `count` processes that form one gloo group."""
    import tempfile

    import torch.multiprocessing as mp
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(in_group, args=(count, folder + "/store", function, arguments), nprocs=count)


def in_group(rank, count, store, function, arguments):
    import torch.distributed as dist
    dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=count)
    function(rank, *arguments)
    if failures:
        print("\n".join(f"  rank {rank}: {f}" for f in failures[:5]), flush=True)
    # Every rank is done before any leaves. Then straight out: about one in 25 teardowns of gloo's threads, by torch or
    # by the interpreter, ends in SIGABRT ("terminate called without an active exception"), after all was compared.
    dist.barrier()
    os._exit(1 if failures else 0)


def load_halves(rank, work):
    """Each of two processes loads its half of the first dim of every tensor."""
    from torch.distributed.checkpoint import load
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, zeros
    mesh = init_device_mesh("cpu", (2,))
    for name in CONVERSIONS:
        whole = load_whole(iteration(work, name))
        halves = {k: zeros(*v.shape, dtype=v.dtype, device_mesh=mesh, placements=[Shard(0)]) for k, v in whole.items()}
        load(halves, checkpoint_id=iteration(work, name))
        for key, half in halves.items():
            rows = (whole[key].shape[0] + 1) // 2
            mine = whole[key][rank * rows:(rank + 1) * rows]
            expect(raw(half.to_local()) == raw(mine), f"{name} {key} on rank {rank} of 2")


def torch_step(work):
    import torch
    count = 0
    for name in CONVERSIONS:
        folder = iteration(work, name)
        count += compare(name, load_whole(folder))
        _, objects = empty_state(folder)
        want = {k for k, v in expected(name).items() if v[0] == "object"}
        expect(set(objects) == want, f"{name}: objects {sorted(set(objects) ^ want)[:4]}")
        states = {k: None for k in objects}
        torch.distributed.checkpoint.load(states, checkpoint_id=folder, no_dist=True)
        for path in (f"{folder}/train_state.pt", f"{work}/{name}/latest_train_state.pt"):
            state = torch.load(path, weights_only=True)
            expect(state["step"].item() == 0 and state["do_train"].dtype == torch.bool, f"{path}: {state}")
        common = torch.load(f"{folder}/common.pt", weights_only=True)
        expect(common["checkpoint_version"] == 3.0 and common["iteration"] == 0, f"{name}: common.pt {common}")
    processes(2, load_halves, work)
    finish(f"torch {torch.__version__}: {count} tensors whole and in two processes; train_state.pt and common.pt load as weights only")


# ---------------------------------------------------------------- optimizer state


def training_step(host, work):
    """torch saves weights with made-up optimizer state; mimo-host moves both; torch finds every bit again."""
    import argparse

    import torch
    from torch.distributed.checkpoint import save
    weights = load_whole(iteration(work, "experts-tp2ep2"))
    torch.manual_seed(7)
    state = dict(weights)
    for kind in ("fp32_param", "exp_avg", "exp_avg_sq"):
        state.update({f"optimizer.state.{kind}.{k}": torch.randn(t.shape, dtype=torch.float32) for k, t in weights.items()})
    folder = os.path.join(work, TRAINED, "iter_0000007")
    save(state, checkpoint_id=folder, no_dist=True)
    with open(f"{folder}/metadata.json", "w") as file:
        json.dump({"sharded_backend": "torch_dist", "sharded_backend_version": 1}, file)
    with open(f"{work}/{TRAINED}/latest_checkpointed_iteration.txt", "w") as file:
        file.write("7")
    arguments = argparse.Namespace(num_layers=4, tensor_model_parallel_size=1, pipeline_model_parallel_size=1)
    torch.save({"args": arguments, "checkpoint_version": 3.0, "iteration": 7, "opt_param_scheduler": {"num_steps": 8},
                "optimizer": {"param_groups": [{"lr": 0.5, "step": torch.tensor(7)}]},
                "content_metadata": {"singleton_local_shards": False}}, f"{folder}/common.pt")
    out = os.path.join(work, TRAINED_TO)
    subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", "--tp", "2", "--pp", "2", "--hf-config",
                    f"{FIXTURES}/qwen3_vl_moe/hf", f"{work}/{TRAINED}", out], check=True)
    moved = load_whole(trained(work))
    expect(set(moved) == set(state), f"keys {sorted(set(moved) ^ set(state))[:4]}")
    for key in set(moved) & set(state):
        expect(moved[key].dtype == state[key].dtype and raw(moved[key]) == raw(state[key]), key)
    with torch.serialization.safe_globals([argparse.Namespace]):
        common = torch.load(f"{trained(work)}/common.pt", weights_only=True)
    expect(common["args"].tensor_model_parallel_size == 2 and common["args"].no_save_rng is True, f"args {common['args']}")
    expect(common["optimizer"]["param_groups"][0]["step"].item() == 7 and common["iteration"] == 7, f"common {common}")
    finish(f"torch {torch.__version__}: {len(moved)} tensors of weights and optimizer in another layout")


def trained(work):
    return os.path.join(work, TRAINED_TO, "iter_0000007")


# ---------------------------------------------------------------- megatron-core


def load_megatron(rank, work):
    """Each of two tensor parallel ranks loads its part along the last dim that two divides."""
    import torch
    from megatron.core import dist_checkpointing as mcore
    from megatron.core.dist_checkpointing import ShardedTensor
    for name, folder in [(n, iteration(work, n)) for n in CONVERSIONS] + [(TRAINED_TO, trained(work))]:
        whole = load_whole(folder)
        state = {}
        for key, tensor in whole.items():
            axes = [a for a, size in enumerate(tensor.shape) if size % 2 == 0]
            if axes:
                local = torch.full_like(tensor.chunk(2, axes[-1])[rank], float("nan")).contiguous()
                state[key] = ShardedTensor.from_rank_offsets(key, local, (axes[-1], rank, 2))
            else:
                state[key] = ShardedTensor.from_rank_offsets(key, torch.full_like(tensor, float("nan")), replica_id=rank)
        loaded = mcore.load(state, folder)
        for key, tensor in whole.items():
            axes = [a for a, size in enumerate(tensor.shape) if size % 2 == 0]
            mine = tensor.chunk(2, axes[-1])[rank] if axes else tensor
            expect(raw(loaded[key]) == raw(mine), f"{name} {key} on tp rank {rank} of 2")
        common = mcore.load_common_state_dict(folder)
        expect(common["checkpoint_version"] == 3.0 and common["iteration"] == int(folder[-7:]), f"{name}: common state {common}")
        expect(common["content_metadata"]["singleton_local_shards"] is False, f"{name}: {common}")
        known = mcore.load_tensors_metadata(folder)
        expect(set(known) == set(whole), f"{name}: load_tensors_metadata")


def megatron_step(work):
    import megatron.core
    count = sum(compare(name, load_whole(iteration(work, name))) for name in CONVERSIONS)
    processes(2, load_megatron, work)
    finish(f"megatron-core {megatron.core.__version__}: {count} tensors in two tensor parallel ranks, common state, metadata")


# ---------------------------------------------------------------- transformers


def safetensors_of(folder):
    from safetensors import safe_open
    tensors = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            with safe_open(f"{folder}/{file}", "pt") as opened:
                tensors.update({k: opened.get_tensor(k) for k in opened.keys()})
    return tensors


def transformers_step(work):
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    count = 0
    for name, (fixture, _) in CONVERSIONS.items():
        source, exported = safetensors_of(f"{FIXTURES}/{fixture}/hf"), safetensors_of(f"{work}/{name}-hf")
        extra = set(exported) - set(source)
        lost = {k for k in set(source) - set(exported) if not ("mimo" in name and k.startswith("mtp."))}
        expect(not extra and not lost, f"{name}: safetensors lists {sorted(extra | lost)[:4]}")
        # The import says what it could not keep; a conversion from there on loses nothing more.
        lossy = {x["tensor"] for x in json.load(open(f"{work}/{STARTS.get(name, name)}/conversion_report.json"))["lossy"]}
        model, info = transformers.AutoModelForImageTextToText.from_pretrained(
            f"{work}/{name}-hf", dtype=torch.bfloat16, output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            # The published classes have no prediction layers and leave their weights aside.
            rest = [k for k in info[kind] if not str(k).startswith("mtp.")]
            expect(not rest, f"{name}: {kind} {rest[:4]}")
        state = model.state_dict()
        for key, tensor in source.items():
            if key.startswith("mtp.") or key in lossy:
                continue
            expect(key in state and raw(state[key]) == raw(tensor), f"{name} {key}")
            count += 1
    finish(f"transformers {transformers.__version__}: {count} tensors of {len(CONVERSIONS)} exported folders, none missing, none unexpected")


def main():
    step, host, work = sys.argv[1:]
    {"convert": lambda: convert(host, work), "torch": lambda: torch_step(work), "training": lambda: training_step(host, work),
     "megatron": lambda: megatron_step(work),
     "transformers": lambda: transformers_step(work)}[step]()


if __name__ == "__main__":
    main()
