"""Makes the torch.save fixtures of this folder. Run with Python 3.12 and torch 2.15; the result is committed."""
import collections, os
import torch

here = os.path.dirname(os.path.abspath(__file__))
shapes = [(), (5,), (0, 3), (1, 2, 3, 4), (300,)]
types = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
         "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "uint16", "uint32", "uint64"]


def save(name, value):
    with open(os.path.join(here, name), "wb") as stream:
        torch.save(value, stream)


def tensor(dtype, shape):
    dtype = getattr(torch, dtype)
    count = torch.empty(shape, dtype=dtype).numel() * dtype.itemsize
    data = bytes((i * 37 + 11) & (1 if dtype == torch.bool else 63) for i in range(count))
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
    return flat.reshape(shape).clone()


for dtype in types:
    save(f"tensor-{dtype}-2x3.pt", tensor(dtype, (2, 3)))
for shape in shapes:
    name = "x".join(map(str, shape)) or "scalar"
    save(f"tensor-bfloat16-{name}.pt", tensor("bfloat16", shape))
save("tensor-float8_e4m3fn-1x2x3x4.pt", tensor("float8_e4m3fn", (1, 2, 3, 4)))

save("object-none.pt", [None])
save("object-empty-tensor.pt", [torch.empty(0, dtype=torch.uint8)])
save("object-common.pt", [{
    "checkpoint_version": 3.0, "iteration": 0,
    "content_metadata": {"singleton_local_shards": False, "chained_optim_avoid_prefix": True}}])
save("object-numbers.pt", {
    "ints": [0, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -1, -128, -129, -2**31, -2**31 - 1, 2**62, -2**63, 2**63, 2**80],
    "floats": [0.0, -1.5, 1e300], "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "nested": {"a": {"b": []}},
    "long": list(range(1001)), "bytes": b"\x00\x80\xff", "ordered": collections.OrderedDict(k=None)})
save("object-tensors.pt", [tensor("int32", (i + 1,)) for i in range(14)])

# An archive beyond 4 GiB: all but the zeros in its middle.
large = os.path.join(here, "large.tmp")
count = (1 << 32) + 8
save("large.tmp", torch.zeros(count, dtype=torch.uint8))
with open(large, "rb") as stream:
    prefix = stream.read(4096)
    prefix = prefix[:prefix.rindex(b"Z") + 1]
    stream.seek(len(prefix) + count)
    suffix = stream.read()
os.remove(large)
for name, part in (("zip64-prefix.bin", prefix), ("zip64-suffix.bin", suffix)):
    with open(os.path.join(here, name), "wb") as stream:
        stream.write(part)
