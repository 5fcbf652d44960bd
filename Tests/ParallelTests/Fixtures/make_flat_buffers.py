#!/usr/bin/env python3
"""Makes flat_buffers.json: where megatron-core's Megatron-FSDP cuts the parameters of seeded modules.

    python make_flat_buffers.py > flat_buffers.json        # needs torch and megatron-core 0.19.2, no GPU

Each case is a list of parameters by name and shape, in the order of the module, and the number of fsdp ranks. For each
parameter: the elements [start, end) that each rank holds, as `DataParallelBuffer.locate_item_in_global_item` gives them.
"""
import json
import random

import torch
from megatron.core.distributed.distributed_data_parallel_config import DistributedDataParallelConfig
from megatron.core.distributed.fsdp.src.megatron_fsdp import param_and_grad_buffer as source


class Layer(torch.nn.Module):
    pass


def module_of(shapes):
    root = torch.nn.Module()
    for name, shape in shapes:
        *path, leaf = name.split(".")
        at, parts = root, []
        for part in path:
            parts.append(part)
            if part not in at._modules:
                is_layer = (len(parts) > 1 and parts[-2] == "layers" and "mtp" not in parts[:-2]) or part == "mtp_model_layer"
                at.add_module(part, Layer() if is_layer else torch.nn.Module())
            at = at._modules[part]
        at.register_parameter(leaf, torch.nn.Parameter(torch.empty(shape, dtype=torch.bfloat16, device="meta")))
    assert [n for n, _ in root.named_parameters()] == [n for n, _ in shapes]
    return root


def cuts(shapes, ranks):
    module = module_of(shapes)
    policy = source.BucketingPolicy(
        suggested_bucket_size=max(40_000_000, 1_000_000 * ranks), fsdp_unit_modules=[Layer],
        data_parallel_sharding_strategy="optim_grads_params")
    groups, _, _ = source._get_parameter_groups(module, policy, {})
    names = {p: n for n, p in module.named_parameters()}
    config = DistributedDataParallelConfig(data_parallel_sharding_strategy="optim_grads_params")
    held = {n: [] for n, _ in shapes}
    for group in groups:
        for rank in range(ranks):
            items, _, shard = source.build_data_parallel_buffer_index(
                [p.shape for p in group.params], rank, ranks, True, config, 0, group.chunk_size_factor)
            for item, parameter in enumerate(group.params):
                start, size = items[item].global_data_index, items[item].size
                low = max(start, shard.global_data_index) - start
                high = min(start + size, shard.global_data_index + shard.size) - start
                held[names[parameter]].append([low, high] if low < high else [0, 0])
    return held


def dense(h, f, q, kv, vocabulary, layers=2):
    shapes = [("embedding.word_embeddings.weight", (vocabulary, h))]
    for i in range(layers):
        at = f"decoder.layers.{i}"
        shapes += [
            (f"{at}.self_attention.linear_proj.weight", (h, q)), (f"{at}.self_attention.linear_qkv.layer_norm_weight", (h,)),
            (f"{at}.self_attention.linear_qkv.weight", (q + 2 * kv, h)), (f"{at}.self_attention.q_layernorm.weight", (16,)),
            (f"{at}.mlp.linear_fc1.layer_norm_weight", (h,)), (f"{at}.mlp.linear_fc1.weight", (2 * f, h)),
            (f"{at}.mlp.linear_fc2.weight", (h, f))]
    return shapes + [("decoder.final_layernorm.weight", (h,)), ("output_layer.weight", (vocabulary, h))]


def mixture(h, f, experts):
    shapes = [("embedding.word_embeddings.weight", (100, h))]
    at = "decoder.layers.0"
    shapes += [(f"{at}.pre_mlp_layernorm.weight", (h,)), (f"{at}.mlp.router.weight", (experts, h))]
    shapes += [(f"{at}.mlp.experts.linear_fc1.weight{e}", (2 * f, h)) for e in range(experts)]
    shapes += [(f"{at}.mlp.experts.linear_fc2.weight{e}", (h, f)) for e in range(experts)]
    shapes += [(f"{at}.mlp.shared_experts.linear_fc1.weight", (f, h))]
    shapes += [("mtp.layers.0.eh_proj.weight", (h, 2 * h)), ("mtp.layers.0.mtp_model_layer.mlp.linear_fc1.weight", (f, h)),
               ("output_layer.weight", (100, h))]
    return shapes


def odd(rng):
    shapes = []
    for i in range(rng.randint(1, 9)):
        rank = rng.choice([1, 1, 2, 2, 2, 3])
        shapes.append((f"decoder.layers.0.p{i}", tuple(rng.randint(1, 12) for _ in range(rank))))
    return shapes


def main():
    rng = random.Random(20)
    cases = [(dense(48, 72, 64, 32, 250), 3), (dense(64, 96, 64, 32, 97), 4), (dense(40, 60, 96, 24, 33, 1), 8),
             (mixture(48, 40, 4), 2), (mixture(32, 20, 3), 5), (dense(8192, 4096, 4096, 1024, 20000, 1), 2)]
    cases += [(odd(rng), rng.randint(1, 7)) for _ in range(120)]
    out = []
    for shapes, ranks in cases:
        held = cuts(shapes, ranks)
        out.append({"ranks": ranks, "parameters": [{"name": n, "shape": list(s), "held": held[n]} for n, s in shapes]})
    print("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in out) + "\n]")


if __name__ == "__main__":
    main()
