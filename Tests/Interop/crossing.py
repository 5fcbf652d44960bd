#!/usr/bin/env python3
"""A training that torch saves as torch_dist goes to fsdp_dtensor and back, and torch finds every bit again. See README.md.

    crossing.py HOST WORK      WORK: a folder for the conversions

What an optimizer holds is made of the weights, element by element, by another function for each kind of state. So what it
must be under the keys of any other format follows from the weights there, whose bits the other steps check.
"""
import argparse
import json
import os
import subprocess
import sys

from check import FIXTURES, expect, finish, load_whole, raw

# Fixture, layout of torch_dist to begin with, of fsdp_dtensor, of torch_dist at last.
TRAININGS = {
    "crossing-dense": ("qwen3_5_vl", ["--tp", "2", "--pp", "2"], ["--fsdp", "3", "--tp", "2"], ["--pp", "2"]),
    "crossing-experts": ("qwen3_vl_moe", ["--ep", "2", "--tp", "2", "--etp", "1"], ["--fsdp", "4"], ["--tp", "2", "--ep", "4", "--etp", "1"]),
    "crossing-joined": ("qwen3_vl_moe", ["--tp", "2"], ["--fsdp", "2", "--ep", "2"], ["--tp", "1"]),
}
# Kinds of state: of the weights in F32, exact in F32.
KINDS = {
    "param": lambda w: w * (1 + 2**-12) + 2**-20,
    "exp_avg": lambda w: w * -0.5 + 2**-10,
    "exp_avg_sq": lambda w: w * w + 2**-8,
}
STEP = 7
SCHEDULER = {"max_lr": 0.25, "num_steps": 88, "lr_decay_style": "cosine"}
OPERATIONS = 1e20


def iteration(work, name, number):
    return os.path.join(work, name, f"iter_{number:07d}")


def group(decays, apart):
    """Settings of a group as Megatron's optimizer has them, with what the two formats put differently."""
    return {"is_expert_parallel": apart, "default_config": True, "wd_mult": 1.0 if decays else 0.0, "lr_mult": 1.0, "is_decoupled_lr": False,
            "max_lr": 0.25, "min_lr": 0.0, "lr": 0.125, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1 if decays else 0.0, "step": STEP}


def optimizers(layout, has_experts):
    """The common state's entry: experts have an optimizer of their own where they have process groups of their own."""
    sizes = dict(zip(layout[::2], layout[1::2]))
    tp = sizes.get("--tp", "1")
    apart = has_experts and (sizes.get("--ep", "1") != "1" or sizes.get("--etp", tp) != tp)
    def state(groups):
        return {"optimizer": {"param_groups": groups}, "param_state_sharding_type": "fully_reshardable"}
    dense = state([group(True, False), group(False, False)])
    return {0: dense, 1: state([group(True, True)])} if apart else dense


def is_parameter(key):
    return "expert_bias" not in key and not key.endswith("._extra_state")


def save_training(host, work, name):
    """torch_dist as megatron-core 0.19 saves it: fully reshardable."""
    import torch
    from torch.distributed.checkpoint import save
    fixture, layout, _, _ = TRAININGS[name]
    subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", *layout, f"{FIXTURES}/{fixture}/hf", f"{work}/{name}"], check=True)
    weights = load_whole(iteration(work, name, 0))
    state = dict(weights)
    for kind, make in KINDS.items():
        state.update({f"optimizer.state.{kind}.{k}": make(t.float()) for k, t in weights.items() if is_parameter(k)})
    folder = iteration(work, f"{name}-trained", STEP)
    save(state, checkpoint_id=folder, no_dist=True)
    with open(f"{folder}/metadata.json", "w") as file:
        json.dump({"sharded_backend": "torch_dist", "sharded_backend_version": 1}, file)
    with open(f"{work}/{name}-trained/latest_checkpointed_iteration.txt", "w") as file:
        file.write(str(STEP))
    has_experts = any(".experts." in key for key in weights)
    torch.save({"args": argparse.Namespace(num_layers=4), "checkpoint_version": 3.0, "iteration": STEP, "opt_param_scheduler": SCHEDULER,
                "num_floating_point_operations_so_far": OPERATIONS, "optimizer": optimizers(layout, has_experts),
                "content_metadata": {"distrib_optim_sharding_type": "fully_reshardable", "chained_optim_avoid_prefix": True}},
               f"{folder}/common.pt")
    return weights


def check_fsdp(host, work, name):
    """The nested dict that Megatron-LM asks for, with nothing left out, is what the training was."""
    import torch
    from torch.distributed.checkpoint import load
    from torch.distributed.checkpoint._nested_dict import flatten_state_dict
    fixture, _, layout, _ = TRAININGS[name]
    for source, out in [(f"{FIXTURES}/{fixture}/hf", f"{name}-plain"), (f"{work}/{name}-trained", f"{name}-fsdp")]:
        subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "fsdp_dtensor", *layout, "--hf-config", f"{FIXTURES}/{fixture}/hf",
                        source, f"{work}/{out}"], check=True)
    plain = {k[len("model."):]: t for k, t in load_whole(iteration(work, f"{name}-plain", 0)).items() if k.startswith("model.")}
    model = {k: KINDS["param"](t.float()) if is_parameter(k) else t for k, t in plain.items()}
    state, groups = {}, {}
    for key, tensor in plain.items():
        if is_parameter(key):
            state[f"module.module.{key}"] = {"exp_avg": KINDS["exp_avg"](tensor.float()), "exp_avg_sq": KINDS["exp_avg_sq"](tensor.float()),
                                             "step": torch.tensor(float(STEP))}
            whole = key.removesuffix("_w").removesuffix("_v")
            for part in ("query", "key", "value", "z", "beta", "alpha"):
                if "in_proj" in whole or "conv1d" in whole:
                    whole = whole.removesuffix("." + part)
            groups[f"module.module.{whole}"] = group(tensor.ndim > 1, False)
    wanted = {"model": model, "optimizer": {"state": state, "param_to_group_meta": groups}, "opt_param_scheduler": SCHEDULER,
              "num_floating_point_operations_so_far": OPERATIONS, "args": None, "iteration": STEP, "checkpoint_version": 3.0}

    def blank(value):
        if isinstance(value, dict):
            return {k: blank(v) for k, v in value.items()}
        return torch.zeros_like(value) if isinstance(value, torch.Tensor) else None

    seen = blank(wanted)
    folder = iteration(work, f"{name}-fsdp", STEP)
    load(seen, checkpoint_id=folder, no_dist=True)
    expect(seen["args"].no_save_optim is False, f"{name}: {seen['args']}")
    held = set(load_metadata(folder))
    seen, wanted = flatten_state_dict(seen)[0], flatten_state_dict(wanted)[0]
    expect(held == set(wanted), f"{name}: keys {sorted(held ^ set(wanted))[:4]}")
    for key, value in wanted.items():
        same = same_tensor(seen[key], value) if isinstance(value, torch.Tensor) else seen[key] == value
        expect(same or key == "args", f"{name} {key} in fsdp_dtensor")
    return len(wanted)


def load_metadata(folder):
    from torch.distributed.checkpoint import FileSystemReader
    return FileSystemReader(folder).read_metadata().state_dict_metadata


def same_tensor(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b)


def check_back(host, work, name):
    """In another layout of torch_dist, all is as it was; weights are the masters, rounded."""
    import torch
    fixture, _, _, layout = TRAININGS[name]
    for source, out in [(f"{FIXTURES}/{fixture}/hf", f"{name}-last"), (f"{work}/{name}-fsdp", f"{name}-back")]:
        subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", *layout, source, f"{work}/{out}"], check=True)
    plain = load_whole(iteration(work, f"{name}-last", 0))
    folder = iteration(work, f"{name}-back", STEP)
    seen = load_whole(folder)
    wanted = {k: KINDS["param"](t.float()).to(t.dtype) if is_parameter(k) else t for k, t in plain.items()}
    for kind, make in KINDS.items():
        wanted.update({f"optimizer.state.{kind}.{k}": make(t.float()) for k, t in plain.items() if is_parameter(k)})
    expect(set(seen) == set(wanted), f"{name}: keys {sorted(set(seen) ^ set(wanted))[:4]}")
    for key in set(seen) & set(wanted):
        expect(same_tensor(seen[key], wanted[key]), f"{name} {key} back in torch_dist")
    with torch.serialization.safe_globals([argparse.Namespace]):
        common = torch.load(f"{folder}/common.pt", weights_only=True)
    has_experts = any(".experts." in key for key in plain)
    expect(common["optimizer"] == optimizers(layout, has_experts), f"{name}: {common['optimizer']}")
    expect(common["opt_param_scheduler"] == SCHEDULER and common["num_floating_point_operations_so_far"] == OPERATIONS, f"{name}: {common}")
    content = common["content_metadata"]
    expect(content["distrib_optim_sharding_type"] == "fully_reshardable" and content["chained_optim_avoid_prefix"], f"{name}: {content}")
    return len(wanted)


def main():
    host, work = sys.argv[1:]
    import torch
    count = 0
    for name in TRAININGS:
        save_training(host, work, name)
        count += check_fsdp(host, work, name) + check_back(host, work, name)
    finish(f"torch {torch.__version__}: {count} entries of trainings in torch_dist, in fsdp_dtensor and back")


if __name__ == "__main__":
    main()
