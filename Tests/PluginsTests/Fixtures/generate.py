#!/usr/bin/env python3
"""Makes the fixtures of this folder: names and shapes of tiny reference checkpoints, no values.

usage: generate.py GOLDEN_DIR DCP_READER.py

Each NAME.json holds
  config  the model's config.json
  hf      tensor of the Hugging Face folder -> [dtype, shape]
  full    parameter of the Megatron module (tp = pp = ep = 1) -> shape; absent where there is no reference
  dist    tensor of a torch_dist checkpoint -> shape
  state   key of an extra state entry -> shape of its grid of shards
  provider  field of the trainer's provider in run_config.yaml, by dotted path -> value
  mimo    the same two for a MIMO checkpoint: {"dist": ..., "state": ...}
"""
import glob
import importlib.util
import json
import os
import struct
import sys

FAMILIES = {
    "qwen3_vl": {}, "qwen3_vl_tied": {}, "qwen3_vl_moe": {}, "qwen3_vl_moe_t": {"full": "qwen3_vl_moe", "dist": "qwen3_vl_moe"},
    "qwen3_5_vl": {"mimo": "l1pp2i1"}, "qwen3_5_vl_tied": {"mimo": "l2i2"}, "qwen3_5_vl_moe": {},
    "qwen3_5_vl_moe_fused": {}, "qwen3_5_vl_moe_fused_mtp": {},
    "qwen3": {}, "qwen3_tied": {}, "qwen3_moe": {}, "qwen3_moe_fused": {"full": "qwen3_moe", "dist": "qwen3_moe"},
    "qwen3_5_moe": {}, "glm4_moe": {}, "glm_moe_dsa": {}, "minimax_m2": {}, "deepseek_v3": {},
    "nemotron_h": {}, "nemotron_h_moe": {}, "nemotron_h_moe_mtp": {}, "gpt_oss": {},
}


def header(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries


def dist(reader, folder):
    if not os.path.isdir(folder):
        return None
    checkpoint = reader.Checkpoint(folder)
    tensors = {key: list(shape) for key, (_, shape, _) in checkpoint.tensors.items()}
    states = {}
    for key in checkpoint.objects:
        if "._extra_state/" not in key:
            continue
        name, shard = key.split("/")
        grid = [int(n) for n in shard.split("_")[2].split(".")]
        states.setdefault(name, {"grid": grid, "count": 0})["count"] += 1
    for name, state in states.items():
        total = 1
        for n in state["grid"]:
            total *= n
        assert total == state["count"], name
        states[name] = state["grid"]
    return {"dist": tensors, "state": states}


def scalar(text):
    words = {"null": None, "true": True, "false": False, "[]": [], "{}": {}}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "'" else text


def provider(path):
    """The block maps, block lists of scalars and scalars of `model:`, flattened."""
    fields, stack, lists = {}, [], None
    for line in open(path).read().split("\nmodel:\n")[1].splitlines():
        indent = len(line) - len(line.lstrip())
        if indent == 0 and not line.startswith("-"):
            break
        if line.lstrip().startswith("- "):
            fields.setdefault(lists, []).append(scalar(line.strip()[2:]))
            continue
        key, _, value = line.strip().partition(":")
        while stack and stack[-1][0] >= indent:
            stack.pop()
        stack.append((indent, key))
        lists = ".".join(k for _, k in stack)
        if value.strip():
            fields[lists] = scalar(value.strip())
    return fields


def main():
    golden, reader_path = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("reader", reader_path)
    reader = importlib.util.module_from_spec(spec)
    sys.modules["reader"] = reader
    spec.loader.exec_module(reader)
    for family, where in FAMILIES.items():
        root = os.path.join(golden, family)
        out = {"config": json.load(open(os.path.join(root, "hf/config.json"))), "hf": {}}
        for path in sorted(glob.glob(os.path.join(root, "hf/*.safetensors"))):
            out["hf"].update({k: [v["dtype"], v["shape"]] for k, v in header(path).items()})
        full = os.path.join(golden, where.get("full", family), "full.safetensors")
        if os.path.exists(full):
            out["full"] = {k: v["shape"] for k, v in header(full).items()}
        found = dist(reader, os.path.join(golden, where.get("dist", family), "torch_dist/iter_0000000"))
        if found:
            out.update(found)
        run_config = os.path.join(golden, where.get("dist", family), "torch_dist/iter_0000000/run_config.yaml")
        if os.path.exists(run_config):
            out["provider"] = provider(run_config)
        if "mimo" in where:
            out["mimo"] = dist(reader, os.path.join(root, "mimo", where["mimo"], "ckpt/iter_0000000"))
        target = os.path.join(os.path.dirname(os.path.abspath(__file__)), family + ".json")
        with open(target, "w") as file:
            json.dump(out, file, separators=(",", ":"), sort_keys=True)
            file.write("\n")


main()
