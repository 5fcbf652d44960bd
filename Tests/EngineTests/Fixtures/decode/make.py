"""Writes decode.safetensors: codes, scales, and the values that Megatron-Bridge 0.6.2 decodes them to.

Run with torch, safetensors and megatron-bridge 0.6.2 installed: python make.py (used: torch 2.15).
`<case>.codes` and `<case>.scales` are the stored tensors, `<case>.<dtype>` the values.
"""

import importlib.util
import pathlib

import torch
from safetensors.torch import save_file

# The one file alone: the package asks for more than is needed here.
package = pathlib.Path(importlib.util.find_spec("megatron").submodule_search_locations[0])
spec = importlib.util.spec_from_file_location(
    "reference", package / "bridge/models/conversion/quantization_utils.py")
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def fp8(rows, columns, scale_dtype):
    codes = torch.randint(0, 256, (rows, columns), dtype=torch.uint8)
    codes[0, : min(columns, 256)] = torch.arange(min(columns, 256), dtype=torch.uint8)
    shape = ((rows + 127) // 128, (columns + 127) // 128)
    scales = (torch.randn(shape) * torch.tensor([2.0]).pow(torch.randint(-20, 4, shape))).to(scale_dtype)
    return codes.view(torch.float8_e4m3fn), scales


def mxfp4():
    """Every scale with codes that, over all groups, are every byte."""
    codes = (torch.arange(256 * 16) * 7).to(torch.uint8).reshape(2, 64, 2, 16)
    scales = torch.arange(256).to(torch.uint8).reshape(2, 64, 2)
    return codes, scales


def main():
    torch.manual_seed(0)
    tensors = {}
    for name, rows, columns, scale_dtype, dtypes in (
        ("fp8_edges", 140, 270, torch.float32, ("bf16",)),
        ("fp8_small", 130, 9, torch.float32, DTYPES),
        ("fp8_bf16_scales", 5, 257, torch.bfloat16, DTYPES),
        ("fp8_f16_scales", 129, 3, torch.float16, ("bf16",)),
    ):
        codes, scales = fp8(rows, columns, scale_dtype)
        tensors |= {f"{name}.codes": codes, f"{name}.scales": scales}
        for dtype in dtypes:
            tensors[f"{name}.{dtype}"] = reference.dequantize_fp8_blockwise(codes, scales, dtype=DTYPES[dtype])
    codes, scales = mxfp4()
    tensors |= {"mxfp4.codes": codes, "mxfp4.scales": scales}
    for dtype, torch_dtype in DTYPES.items():
        tensors[f"mxfp4.{dtype}"] = reference.dequantize_mxfp4(codes, scales, dtype=torch_dtype)
    save_file(tensors, "decode.safetensors")


main()
