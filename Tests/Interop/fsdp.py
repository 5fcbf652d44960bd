#!/usr/bin/env python3
"""Loads what mimo-host wrote as fsdp_dtensor the way Megatron-FSDP does, and saves what mimo-host then reads. See README.md.

    fsdp.py HOST WORK      WORK: a folder for the conversions
"""
import argparse
import functools
import json
import math
import os
import random
import subprocess
import sys
import zlib

from check import FIXTURES, MIMO_PREFIX, expect, expected_facts, finish, load_whole, processes, raw

CONVERSIONS = {
    "fsdp-dense": ("qwen3_5_vl", ["--fsdp", "3", "--tp", "2"]),
    "fsdp-experts": ("qwen3_vl_moe", ["--fsdp", "4", "--ep", "2", "--tp", "2", "--etp", "1"]),
    "fsdp-mimo": ("qwen3_5_vl", ["--component", "language=fsdp=4,tp=2", "--component", "images=fsdp=2"]),
}


def iteration(work, name):
    return os.path.join(work, name, "iter_0000000")


def convert(host, work):
    for name, (fixture, layout) in CONVERSIONS.items():
        subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "fsdp_dtensor", *layout, f"{FIXTURES}/{fixture}/hf",
                        os.path.join(work, name)], check=True)


# ---------------------------------------------------------------- against Megatron-Bridge's own checkpoint


def parts(tensors, name):
    """The keys of one parameter, in the order of its rows."""
    if name in tensors:
        return [name]
    halves = [f"{name}_w", f"{name}_v"]
    return halves if halves[0] in tensors else None


def keys_of(tensors, key, name):
    """The fsdp_dtensor keys that a torch_dist key's elements are under, in order."""
    prefix = "model.module."
    if "mimo" in name:
        prefix = "model."
        key = key.replace("language_model.", "language_model.module.", 1) if key.startswith("language_model.") else \
            key.replace("vision_model.", MIMO_PREFIX.replace("images.", "images.module."), 1)
    names = [prefix + key.replace(".transformer_layer.", ".mtp_model_layer.")]
    layers = ".deepstack_merger_list." if "deepstack" in key else ".layers."
    head, _, rest = names[0].partition(layers)
    if rest and not rest[0].isdigit():
        count = 1 + max(int(k[len(head + layers):].split(".")[0]) for k in tensors if k.startswith(head + layers))
        names = [f"{head}{layers}{i}.{rest}" for i in range(count)]
    if ".experts.experts." in key:
        names = [n.replace(".experts.experts.", ".experts.") for n in names]
        count = next(e for e in range(10**6) if not parts(tensors, f"{names[0]}{e}"))
        names = [f"{n}{e}" for n in names for e in range(count)]
    found = [parts(tensors, n) for n in names]
    return None if None in found else [k for p in found for k in p]


def compare(name, tensors):
    """The bits of every tensor are those that Megatron-Bridge wrote as torch_dist, and there is nothing else."""
    used = set()
    for key, (dtype, shape, crc) in expected_facts(CONVERSIONS[name][0]).items():
        if dtype == "object" or ("mimo" in name and ".mtp." in key):
            continue
        keys = keys_of(tensors, key, name)
        expect(keys, f"{name}: nothing is stored of {key}")
        if not keys:
            continue
        used.update(keys)
        seen = 0
        for k in keys:
            seen = zlib.crc32(raw(tensors[k]), seen)
        expect(seen == crc, f"{name} {key}: other bits")
        elements = sum(tensors[k].numel() for k in keys)
        expect(elements == math.prod(shape), f"{name} {key}: {elements} elements, expected {shape}")
    left = {k for k, t in tensors.items() if k not in used}
    expect(not left, f"{name}: unknown keys {sorted(left)[:4]}")
    return len(used)


# ---------------------------------------------------------------- uneven DTensors


@functools.cache
def mesh_of(ranks, cut):
    """The ranks, cut by Megatron-FSDP first and by tensor parallelism second, which cuts first."""
    from torch.distributed.device_mesh import init_device_mesh
    if cut == 1:
        return init_device_mesh("cpu", (ranks,), mesh_dim_names=("dp_cp",))
    mesh = init_device_mesh("cpu", (ranks, cut), mesh_dim_names=("dp_cp", "tp"))
    mesh._shard_order = [1, 0]
    return mesh


def uneven(whole, rank, size, cut, seed):
    """A DTensor of some random rows a rank, and what they must be. `cut`: the tensor parallel size."""
    import torch
    from megatron.core.distributed.fsdp.src.megatron_fsdp.uneven_dtensor import update_uneven_dtensor_chunk_metadata
    from torch.distributed.tensor import DTensor, Shard
    rng = random.Random(seed)
    dims = [d for d, n in enumerate(whole.shape) if cut > 1 and n % cut == 0]
    tp, place, ranks = (rank % cut, rank // cut, size // cut) if dims else (0, rank, size)
    local = whole.chunk(cut, dims[0])[tp] if dims else whole
    bounds = [0] + sorted(rng.randint(0, local.shape[0]) for _ in range(ranks - 1)) + [local.shape[0]]
    mine = local[bounds[place]:bounds[place + 1]].contiguous()
    mesh = mesh_of(ranks, cut if dims else 1)
    placements = [Shard(0)] + [Shard(dim) for dim in dims[:1]]
    blank = torch.full_like(mine, 0 if mine.dtype == torch.uint8 else float("nan"))
    tensor = DTensor.from_local(blank, mesh, placements, run_check=False, shape=whole.shape, stride=whole.stride())
    update_uneven_dtensor_chunk_metadata(tensor)
    return tensor, mine


def load_uneven(rank, work, size, cut, names):
    """As Megatron-LM's loader: a nested dict whose model is DTensors, after the three objects alone."""
    from torch.distributed.checkpoint import FileSystemReader, load
    from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
    for name in names:
        folder = iteration(work, name)
        first = {"args": None, "iteration": None, "checkpoint_version": None}
        load(first, checkpoint_id=folder)
        expect(first["iteration"] == 0 and first["checkpoint_version"] == 3.0 and first["args"].num_layers > 0, f"{name}: {first}")
        whole = load_whole(folder)
        model, wanted = {}, {}
        for number, (key, tensor) in enumerate(sorted(whole.items())):
            if key.startswith("model."):
                model[key[len("model."):]], wanted[key] = uneven(tensor, rank, size, cut, number)
        state = {"model": model, "args": None, "iteration": None, "checkpoint_version": None}
        load(state, storage_reader=FileSystemReader(folder), planner=DefaultLoadPlanner(allow_partial_load=False))
        for key, mine in wanted.items():
            expect(raw(state["model"][key[len("model."):]].to_local()) == raw(mine), f"{name} {key} on rank {rank} of {size}, tp {cut}")


def load_and_save(rank, *arguments):
    load_uneven(rank, *arguments)
    save_uneven(rank, *arguments)


def save_uneven(rank, work, size, cut, names):
    """The same checkpoint, cut anew and written by torch."""
    from torch.distributed.checkpoint import FileSystemWriter, save
    for name in names:
        model = {}
        for number, (key, tensor) in enumerate(sorted(load_whole(iteration(work, name)).items())):
            shard, mine = uneven(tensor, rank, size, cut, number)
            shard.to_local().copy_(mine)
            model[key[len("model."):]] = shard
        objects = {"args": argparse.Namespace(num_layers=2), "iteration": 7, "checkpoint_version": 3.0}
        save({"model": model, **objects}, storage_writer=FileSystemWriter(f"{work}/{name}-torch-{size}-{cut}"))
        export_table(model, rank, size, f"{work}/{name}-{size}-{cut}.json")


def export_table(model, rank, size, path):
    """The table of docs/formats.md, one message a rank."""
    import torch
    mine = []
    for name, tensor in model.items():
        chunk = tensor._local_tensor.__create_chunk_list__()[0]
        mine.append({"name": name, "rank": rank, "global_shape": list(tensor.shape),
                     "local_shape": list(chunk.sizes), "offset": list(chunk.offsets)})
    gathered = [None] * size
    torch.distributed.gather_object(mine, gathered if rank == 0 else None)
    if rank == 0:
        json.dump({"schema": 1, "shards": [shard for part in gathered for shard in part]}, open(path, "w"))


def chunks(folder):
    """Key -> boxes, as torch reads them."""
    from torch.distributed.checkpoint import FileSystemReader
    entries = FileSystemReader(folder).read_metadata().state_dict_metadata
    return {k: {(tuple(c.offsets), tuple(c.sizes)) for c in v.chunks} for k, v in entries.items() if hasattr(v, "chunks")}


def check_table(host, work, name):
    """With the table that two processes exported, mimo-host cuts where they did."""
    out = f"{work}/{name}-told"
    outcome = subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "fsdp_dtensor", "--fsdp", "2", "--shard-table",
                              f"{work}/{name}-2-1.json", f"{FIXTURES}/{CONVERSIONS[name][0]}/hf", out])
    expect(outcome.returncode == 0, f"{name}: the exported table is refused")
    if outcome.returncode == 0:
        seen, wanted = chunks(iteration(work, f"{name}-told")), chunks(f"{work}/{name}-torch-2-1")
        expect(seen == wanted, f"{name}: cut elsewhere: {[k for k in wanted if seen.get(k) != wanted[k]][:3]}")


# ---------------------------------------------------------------- optimizer state


def training_state(weights, fill):
    """The dict that Megatron-LM saves under Megatron-FSDP, made-up values in it."""
    import torch
    model = {key[len("model."):]: fill(tensor) for key, tensor in weights.items()}
    state = {f"module.module.{name}": {"exp_avg": fill(tensor.float()), "exp_avg_sq": fill(tensor.float()), "step": fill(torch.tensor(7.0))}
             for name, tensor in model.items()}
    groups = {name.removesuffix("_w").removesuffix("_v"): {"lr": 0.5, "betas": (0.9, 0.95), "step": 7} for name in state}
    return {"model": model, "optimizer": {"state": state, "param_to_group_meta": groups},
            "opt_param_scheduler": {"num_steps": 8, "max_lr": 0.25}, "num_floating_point_operations_so_far": 1e20,
            "args": argparse.Namespace(num_layers=2), "iteration": 7, "checkpoint_version": 3.0}


def check_training(host, work, name):
    """torch saves weights with made-up optimizer state; mimo-host moves both; torch finds all of it again, nothing left out."""
    import torch
    from torch.distributed.checkpoint import load, save
    from torch.distributed.checkpoint._nested_dict import flatten_state_dict
    fixture, layout = CONVERSIONS[name]
    torch.manual_seed(7)
    weights = load_whole(iteration(work, name))
    wanted = training_state(weights, lambda t: torch.randn(t.shape).to(t.dtype))
    source, out = f"{work}/{name}-trained", f"{work}/{name}-moved"
    save(wanted, checkpoint_id=f"{source}/iter_0000007", no_dist=True)
    with open(f"{source}/latest_checkpointed_iteration.txt", "w") as file:
        file.write("7")
    subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "fsdp_dtensor", *layout, "--hf-config",
                    f"{FIXTURES}/{fixture}/hf", source, out], check=True)
    seen = training_state(weights, torch.zeros_like)
    for group in seen["optimizer"]["param_to_group_meta"].values():
        group.update(lr=None, betas=None, step=None)
    seen["opt_param_scheduler"] = {"num_steps": None, "max_lr": None}
    load(seen, checkpoint_id=f"{out}/iter_0000007", no_dist=True)
    seen, wanted = flatten_state_dict(seen)[0], flatten_state_dict(wanted)[0]
    for key, value in wanted.items():
        same = raw(seen[key]) == raw(value) if isinstance(value, torch.Tensor) else seen[key] == value
        expect(same or key == "args", f"{name} {key} after the move")
    cuts = chunks(f"{out}/iter_0000007")
    for key in wanted:
        if key.endswith(".exp_avg"):
            parameter = "model." + key[len("optimizer.state.module.module."):-len(".exp_avg")]
            expect(cuts[key] == cuts[parameter], f"{name} {key}: other rows than its parameter")
    return len(wanted)


def main():
    host, work = sys.argv[1:]
    convert(host, work)
    count = sum(compare(name, load_whole(iteration(work, name))) for name in CONVERSIONS)
    names = list(CONVERSIONS)
    for size, cut in [(2, 1), (4, 2)]:
        processes(size, load_and_save, work, size, cut, names)
        for name in names:
            written, config = f"{work}/{name}-torch-{size}-{cut}", f"{FIXTURES}/{CONVERSIONS[name][0]}/hf"
            outcome = subprocess.run([host, "verify", "-q", "--plugin", "Qwen3VL", "--hf-config", config, os.path.join(work, name), written])
            expect(outcome.returncode == 0, f"{name}: what torch wrote in {size} processes, tp {cut}, is not the same")
    for name in names:
        if "mimo" not in name:
            check_table(host, work, name)
    moved = sum(check_training(host, work, name) for name in names if "mimo" not in name)
    import megatron.core
    import torch
    finish(f"torch {torch.__version__}, megatron-core {megatron.core.__version__}: {count} tensors of Megatron-FSDP whole, in uneven rows of "
           f"2 and 2 x 2 processes, and back from what these wrote; cut where a shard table says; {moved} entries of trainings in another layout")


if __name__ == "__main__":
    main()
