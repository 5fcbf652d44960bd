#!/usr/bin/env python3
"""Times the import of an FP8 and of an MXFP4 checkpoint on one core, next to `cp` of the same folder.

    swift build -c release && Tools/bench-decode/bench.py --scratch DIR [--bin .build/release] [--megabytes 1500]

The folders are made up: `synth` writes the plain form of a config with published layer sizes, whose weights are then
replaced by random codes and scales. Both commands read from the page cache (the folder was just read) and write to new
files; what is told is the best of --runs, by the clock and by processor time. GB are 10^9 bytes. Output is what `convert` writes: two bytes an element.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import time

MINIMAX = {
    "architectures": ["MiniMaxM2ForCausalLM"], "model_type": "minimax_m2", "dtype": "bfloat16", "attention_bias": False,
    "head_dim": 128, "hidden_act": "silu", "hidden_size": 3072, "intermediate_size": 1536, "num_attention_heads": 48,
    "num_key_value_heads": 8, "num_experts_per_tok": 8, "rms_norm_eps": 1e-6, "rotary_dim": 64, "rope_theta": 5000000,
    "use_qk_norm": True, "use_routing_bias": True, "qk_norm_type": "per_layer", "scoring_func": "sigmoid",
    "tie_word_embeddings": False, "vocab_size": 2048, "max_position_embeddings": 4096, "num_hidden_layers": 2,
    "num_mtp_modules": 0,
    "quantization_config": {
        "quant_method": "fp8", "fmt": "float8_e4m3fn", "activation_scheme": "dynamic", "weight_block_size": [128, 128]},
}
GPTOSS = {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "dtype": "bfloat16", "attention_bias": True,
    "head_dim": 64, "hidden_act": "silu", "hidden_size": 2880, "intermediate_size": 2880, "num_attention_heads": 64,
    "num_key_value_heads": 8, "num_experts_per_tok": 4, "rms_norm_eps": 1e-5, "rope_theta": 150000, "sliding_window": 128,
    "tie_word_embeddings": False, "vocab_size": 2048, "max_position_embeddings": 4096, "num_hidden_layers": 2,
    "quantization_config": {"quant_method": "mxfp4"},
}


def with_experts(config, key, count):
    return config | {key: count}


def heads(folder):
    """Every tensor of a safetensors folder: (name, dtype, shape, file, start, end)."""
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(size))
        for name, entry in header.items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                yield name, entry["dtype"], entry["shape"], path, 8 + size + start, 8 + size + end


def encoded(name, shape, method):
    """The stored tensors of a weight: (name, dtype, shape); none where it stays as it is."""
    if method == "mxfp4" and name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        experts, inputs, outputs = shape
        groups = inputs // 32
        return [(name + "_blocks", "U8", [experts, outputs, groups, 16]), (name + "_scales", "U8", [experts, outputs, groups])]
    if method == "fp8" and len(shape) == 2 and ("_proj." in name or ".experts." in name):
        blocks = [(extent + 127) // 128 for extent in shape]
        return [(name, "F8_E4M3", shape), (name + "_scale_inv", "F32", blocks)]
    return []


def noise(dtype, count, name):
    if dtype == "F32":
        return struct.pack("<f", 0.0013) * (count // 4)
    if name.endswith("_scales"):
        return bytes([118 + b % 6 for b in os.urandom(4096)]) * (count // 4096 + 1)
    # No NaN codes: 0x7F and 0xFF.
    block = bytes(b if b & 0x7F != 0x7F else 0 for b in os.urandom(1 << 20))
    return block * (count // len(block) + 1)


def quantise(plain, out, method):
    """Writes `plain` with codes and scales in place of its matrices."""
    widths = {"BF16": 2, "F32": 4, "U8": 1, "F8_E4M3": 1}
    out.mkdir()
    shutil.copy(plain / "config.json", out)
    header, data, position = {}, [], 0
    for name, dtype, shape, path, start, end in heads(plain):
        for stored in encoded(name, shape, method) or [(name, dtype, shape)]:
            size = widths[stored[1]]
            for extent in stored[2]:
                size *= extent
            header[stored[0]] = {"dtype": stored[1], "shape": stored[2], "data_offsets": [position, position + size]}
            data.append((stored, size, path if stored[0] == name and stored[1] == dtype else None, start))
            position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(out / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for (name, dtype, _), size, path, start in data:
            if path is None:
                file.write(memoryview(noise(dtype, size, name))[:size])
            else:
                with open(path, "rb") as source:
                    source.seek(start)
                    file.write(source.read(size))


def timed(command, output, runs):
    """Seconds of the best run: by the clock, and of the processor alone, which others on the machine do not lengthen."""
    clock = processor = float("inf")
    for _ in range(runs):
        shutil.rmtree(output, ignore_errors=True)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(["taskset", "-c", "0", *map(str, command)], check=True, stdout=subprocess.DEVNULL)
        clock = min(clock, time.monotonic() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = min(processor, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return clock, processor


def told(what, bytes, seconds):
    clock, processor = seconds
    return (f"  {what:24} {clock:6.2f} s ({processor:.2f} s of the processor)  "
            f"{bytes / clock / 1e9:5.2f} GB/s ({bytes / processor / 1e9:.2f})")


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bench(name, plugin, config, arguments):
    scratch = arguments.scratch / f"bench-{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    host = arguments.bin / "mimo-host"
    (scratch / "config.json").write_text(json.dumps(config))
    subprocess.run(
        [host, "synth", "--plugin", plugin, "--config", scratch / "config.json", "-q", scratch / "plain"], check=True)
    quantise(scratch / "plain", scratch / "hf", config["quantization_config"]["quant_method"])
    shutil.rmtree(scratch / "plain")
    source = size(scratch / "hf")
    convert = [host, "convert", "-q", "--plugin", plugin, "--to", "megatron", "--jobs", "1", scratch / "hf", scratch / "out"]
    copy = timed(["cp", "-r", scratch / "hf", scratch / "copy"], scratch / "copy", arguments.runs)
    shutil.rmtree(scratch / "copy")
    ours = timed(convert, scratch / "out", arguments.runs)
    report = json.loads((scratch / "out/conversion_report.json").read_text())
    output = size(scratch / "out")
    # What the disk alone takes for as many bytes as the conversion writes.
    copied = timed(["cp", "-r", scratch / "out", scratch / "copy"], scratch / "copy", arguments.runs)
    print(f"{name}: {source / 1e9:.2f} GB in, {output / 1e9:.2f} GB out, peak memory {report['peak_memory_bytes'] / 1e6:.0f} MB")
    print(told("cp of the source", source, copy))
    print(told("cp of the output", output, copied))
    print(told("convert, GB of output", output, ours))
    if not arguments.keep:
        shutil.rmtree(scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=pathlib.Path, required=True, help="an empty folder on the disk to measure")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path(".build/release"))
    parser.add_argument("--megabytes", type=int, default=1500, help="about the size of the decoded weights")
    parser.add_argument("--keep", action="store_true", help="leave the folders there")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    per_expert = 2 * 2 * 3 * 3072 * 1536 / 1e6
    bench("fp8", "MiniMaxM2", with_experts(MINIMAX, "num_local_experts", max(8, int(arguments.megabytes / per_expert))), arguments)
    per_expert = 2 * 2 * 3 * 2880 * 2880 / 1e6
    bench("mxfp4", "GPTOSS", with_experts(GPTOSS, "num_local_experts", max(4, int(arguments.megabytes / per_expert))), arguments)


main()
