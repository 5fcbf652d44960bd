#!/usr/bin/env python3
"""Writes the tables of one family from what Megatron-Bridge made of it; see README.md. Needs torch.

    make.py REFERENCE_FOLDER FAMILY_FOLDER

REFERENCE_FOLDER holds hf/ and the outputs: tp2pp2/rank-0000.safetensors, torch_dist/iter_0000000, mimo/l2i2/ckpt ...
"""
import glob
import json
import os
import shutil
import struct
import sys
import zlib

import torch
from torch.distributed.checkpoint import FileSystemReader, load
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32", torch.uint8: "U8"}


def line(name, dtype, shape, digest, boxes=0):
    return "\t".join([name, dtype, ",".join(map(str, shape)), f"{digest:x}", f"{boxes:x}"])


def ranks(folder):
    for path in sorted(glob.glob(folder + "/rank-*.safetensors")):
        data = open(path, "rb").read()
        end = 8 + struct.unpack("<Q", data[:8])[0]
        for name, entry in sorted(json.loads(data[8:end]).items()):
            if name != "__metadata__":
                a, b = entry["data_offsets"]
                yield line(f"{os.path.basename(path)} {name}", entry["dtype"], entry["shape"], zlib.crc32(data[end + a:end + b]))


def distributed(folder):
    folder += "/iter_0000000"
    metadata = FileSystemReader(folder).read_metadata().state_dict_metadata
    tensors = {k: torch.empty(v.size, dtype=v.properties.dtype) for k, v in metadata.items() if isinstance(v, TensorStorageMetadata)}
    load(dict(tensors), checkpoint_id=folder, no_dist=True)
    for key, entry in sorted(metadata.items()):
        if key.startswith("common_state/"):
            continue
        if key not in tensors:
            yield line(key, "object", [], 0)
            continue
        boxes = sorted(f"{list(c.offsets)} {list(c.sizes)}" for c in entry.chunks)
        digest = zlib.crc32(tensors[key].contiguous().view(torch.uint8).numpy().tobytes())
        yield line(key, DTYPES[entry.properties.dtype], entry.size, digest, zlib.crc32(";".join(boxes).encode()))


def conversion(root, output):
    """The arguments that ask mimo-host for the same."""
    if output.startswith("torch_dist"):
        sizes = {"": [], "_tp2": ["--tp", "2"], "_tp2ep2": ["--tp", "2", "--ep", "2", "--etp", "1"]}
        return ["--to", "megatron"] + sizes[output.removeprefix("torch_dist")]
    layout = json.load(open(f"{root}/{output.removesuffix('/ckpt')}/layout.json"))
    if "components" in layout:
        arguments = [x for c in layout["components"] for x in ("--component", c)]
        return ["--to", "mimo" if output.endswith("/ckpt") else "ranks"] + arguments
    return ["--to", "ranks"] + [x for k, v in layout["layout"].items() for x in (f"--{k}", str(v))]


def main(root, family):
    shutil.rmtree(family, ignore_errors=True)
    os.makedirs(family + "/expected")
    shutil.copytree(root + "/hf", family + "/hf", copy_function=shutil.copyfile)
    for path in glob.glob(root + "/*/") + glob.glob(root + "/mimo/*/") + glob.glob(root + "/mimo/*/ckpt/"):
        output = os.path.relpath(path, root)
        checkpoint = os.path.isdir(path + "/iter_0000000")
        if not checkpoint and not os.path.exists(path + "/rank-0000.safetensors"):
            continue
        with open(f"{family}/expected/{output.replace('/', '+')}.tsv", "w") as table:
            table.write("#" + " ".join(conversion(root, output)) + "\n")
            for text in (distributed if checkpoint else ranks)(path.rstrip("/")):
                table.write(text + "\n")


main(*(p.rstrip("/") for p in sys.argv[1:]))
