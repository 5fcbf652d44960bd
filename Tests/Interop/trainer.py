#!/usr/bin/env python3
"""One rank after another of a training on CPU, by megatron-core itself: saves its optimizer's state, or loads what is said to be it.

    trainer.py save|load torch_dist|fsdp_dtensor HF_DIR CHECKPOINT LAYOUT      LAYOUT: tp=2,pp=2,ep=1,etp=1, and for fsdp_dtensor dp=N

Run by Tests/Interop/optimizer in the environment of shared/oracle. What an optimizer holds is made of the weights of HF_DIR,
element by element, by another function for each kind of state: so each rank knows, in any layout, what must come.

Replaced, beside what the oracle replaces: Transformer Engine's FusedAdam by its state (moments a parameter, the step a group),
"cuda" in the names of tensor types and of device meshes, CUDA's streams. Nothing that names, cuts or maps state.
"""
import argparse
import contextlib
import os
import sys

import standard
from ranks import run

bridge_class = standard._prepare()

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.distributed.device_mesh as device_mesh
from megatron.bridge.training.checkpointing import preprocess_fsdp_dtensor_state_dict
from megatron.core import dist_checkpointing, optimizer as optimizers, parallel_state
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig
from megatron.core.distributed.fsdp.mcore_fsdp_adapter import FullyShardedDataParallel
from megatron.core.optimizer import OptimizerConfig, distrib_optimizer, get_megatron_optimizer
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner

STEP = 7
OPERATIONS = 1e20
KINDS = {"param": lambda w: w * (1 + 2**-12) + 2**-20, "exp_avg": lambda w: w * -0.5 + 2**-10, "exp_avg_sq": lambda w: w * w + 2**-8}


class FusedAdam(torch.optim.Optimizer):
    """Transformer Engine's, as far as state and groups go."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, bias_correction=True, **_):
        super().__init__(params, dict(lr=lr, bias_correction=bias_correction, betas=betas, eps=eps, weight_decay=weight_decay))

    def step(self, closure=None, **_):
        for group in self.param_groups:
            if group["params"]:
                group["step"] = group.get("step", 0) + 1
            for parameter in group["params"]:
                for kind in ("exp_avg", "exp_avg_sq"):
                    self.state[parameter].setdefault(kind, torch.zeros_like(parameter, dtype=torch.float32))


def replace_cuda():
    optimizers.Adam = distrib_optimizer.Adam = FusedAdam
    type_of = torch.Tensor.type
    torch.Tensor.type = lambda self, *a, **k: type_of(self, *a, **k) if a or k else type_of(self).replace("torch.", "torch.cuda.", 1)


def replace_cuda_of_fsdp():
    torch.cuda.current_device = lambda: 0
    torch.cuda.stream = lambda stream=None: contextlib.nullcontext()
    new, from_group, to = device_mesh.DeviceMesh.__init__, device_mesh.DeviceMesh.from_group, torch.nn.Module.to
    device_mesh.DeviceMesh.__init__ = lambda self, device_type, *a, **k: new(self, "cpu", *a, **k)
    device_mesh.DeviceMesh.from_group = staticmethod(lambda group, device_type, *a, **k: from_group(group, "cpu", *a, **k))
    torch.nn.Module.to = lambda self, *a, **k: to(self, *[x for x in a if isinstance(x, torch.dtype)], **{n: x for n, x in k.items() if n != "device"})


def bare(model):
    while hasattr(model, "module"):
        model = model.module
    return model


def local(tensor):
    return tensor._local_tensor if hasattr(tensor, "_local_tensor") else tensor


def same(a, b):
    return a.dtype == b.dtype and torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


class Training:
    """A model with the weights of a Hugging Face folder, its optimizer and scheduler."""

    def __init__(self, hf, layout, wrap, **ddp):
        bridge = bridge_class.from_hf_pretrained(hf, trust_remote_code=False)
        provider = standard._provider(bridge, layout, {}, load_weights=True)
        model = provider.provide_distributed_model(wrap_with_ddp=False, use_cpu_initialization=True)
        config = DistributedDataParallelConfig(use_distributed_optimizer=True, bucket_size=None, **ddp)
        self.chunks = [wrap(config=bare(chunk).config, ddp_config=config, module=chunk) for chunk in model]
        self.optimizer = get_megatron_optimizer(
            OptimizerConfig(optimizer="adam", lr=0.25, min_lr=0.0, weight_decay=0.1, bf16=True, params_dtype=torch.bfloat16,
                            use_distributed_optimizer=True), self.chunks)
        self.scheduler = OptimizerParamScheduler(
            self.optimizer, init_lr=0.0, max_lr=0.25, min_lr=0.0, lr_warmup_steps=2, lr_decay_steps=100, lr_decay_style="cosine",
            start_wd=0.1, end_wd=0.1, wd_incr_steps=100, wd_incr_style="constant")
        self.parts = getattr(self.optimizer, "chained_optimizers", [self.optimizer])
        for part in self.parts:
            part._init_optimizer_states_with_dummy_values()
        self.wanted = {id(p): {kind: make(w) for kind, make in KINDS.items()} for p, w, _ in self.held()}
        # A frozen parameter has no state: it stays what it is.
        self.rounded = {id(p): KINDS["param"](local(p).detach().float()).to(p.dtype) if p.requires_grad else local(p).detach().clone()
                        for chunk in self.chunks for p in chunk.parameters()}

    def set(self, value):
        """`value(wanted, kind)` as each state, and as the weights."""
        for parameter, _, write in list(self.held()):
            write({kind: value(self.wanted[id(parameter)][kind], kind) for kind in KINDS})

    def check_settings(self):
        """Settings of all groups; settings are wrong before loading."""
        for group in (g for part in self.parts for g in part.optimizer.param_groups if g["params"]):
            dims = {len(p.shape) for p in group["params"]} if self.keeps_shapes else set()
            assert group["step"] == STEP and group["eps"] == 1e-8 and group["betas"] == (0.9, 0.999), group
            assert not dims or (group["wd_mult"] == 0) == (dims == {1}), (group, dims)
        assert self.scheduler.num_steps == STEP

    def spoil(self):
        self.set(lambda wanted, kind: torch.full_like(wanted, float("nan")))
        for part in self.parts:
            for group in part.optimizer.param_groups:
                group.update(step=0, eps=-1.0, betas=(-1.0, -1.0))


class Reshardable(Training):
    """megatron-core's distributed optimizer, saved as torch_dist in its fully reshardable form."""
    keeps_shapes = False

    def __init__(self, hf, layout):
        super().__init__(hf, layout, DistributedDataParallel)

    def held(self):
        for part in self.parts:
            for p in part.model_param_group_index_map:
                mine = part._get_model_param_range_map(p)["param"]
                yield p, p.detach().float().flatten()[mine.start:mine.end].clone(), lambda state, p=p, part=part: part._set_main_param_and_optimizer_states(p, state)

    def state_dict(self, is_loading):
        metadata = {"distrib_optim_sharding_type": "fully_reshardable", "distrib_optim_fully_reshardable_mem_efficient": False,
                    "singleton_local_shards": False, "chained_optim_avoid_prefix": True}
        groups = {"dp_cp_group": parallel_state.get_data_parallel_group(with_context_parallel=True)}
        state = {"args": argparse.Namespace(num_layers=2), "checkpoint_version": 3.0, "iteration": STEP}
        state["model"] = bare(self.chunks[0]).sharded_state_dict(metadata=metadata | groups)
        state["optimizer"] = self.optimizer.sharded_state_dict(state, is_loading=is_loading, metadata=metadata | groups)
        state.update(opt_param_scheduler=self.scheduler.state_dict(), num_floating_point_operations_so_far=OPERATIONS)
        return state, metadata

    def save(self, folder):
        self.set(lambda wanted, kind: wanted)
        for p in self.chunks[0].parameters():
            p.data.copy_(self.rounded[id(p)])
        state, metadata = self.state_dict(False)
        dist_checkpointing.save(state, folder, content_metadata=metadata)

    def load(self, folder):
        self.spoil()
        for p in self.chunks[0].parameters():
            p.data.fill_(float("nan"))
        state = dist_checkpointing.load(self.state_dict(True)[0], folder)
        outcome = bare(self.chunks[0]).load_state_dict(state["model"], strict=False)
        assert not outcome.unexpected_keys and all(key.endswith("_extra_state") for key in outcome.missing_keys), outcome
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["opt_param_scheduler"])
        assert state["num_floating_point_operations_so_far"] == OPERATIONS
        names = {id(p): name for name, p in self.chunks[0].named_parameters()}
        wrong = [name for p in self.chunks[0].parameters() if not same(p.detach(), self.rounded[id(p)]) for name in [names[id(p)]]]
        for part in self.parts:
            for p in part.model_param_group_index_map:
                seen = part._get_main_param_and_optimizer_states(p)
                wrong += [f"{names[id(p)]} {kind}" for kind in KINDS if not same(seen[kind].flatten(), self.wanted[id(p)][kind])]
        return wrong


class FullySharded(Training):
    """Megatron-FSDP, with what Megatron-Bridge does to its state before it is saved or loaded."""
    keeps_shapes = True

    def __init__(self, hf, layout):
        replace_cuda_of_fsdp()
        super().__init__(hf, layout, lambda **k: FullyShardedDataParallel(device=torch.device("cuda:0"), **k), use_megatron_fsdp=True,
                         data_parallel_sharding_strategy="optim_grads_params", overlap_grad_reduce=True, overlap_param_gather=True)

    def tensors(self, p):
        return {"param": local(p), **{kind: local(self.optimizer.optimizer.state[p][kind]) for kind in ("exp_avg", "exp_avg_sq")}}

    def held(self):
        for p in (p for group in self.optimizer.optimizer.param_groups for p in group["params"]):
            def write(state, p=p):
                for kind, tensor in self.tensors(p).items():
                    tensor.data.copy_(state[kind])
            yield p, local(p).detach().float().clone(), write

    def state_dict(self, is_loading):
        fields = {"args": argparse.Namespace(num_layers=2), "iteration": STEP, "checkpoint_version": 3.0, "num_floating_point_operations_so_far": OPERATIONS}
        state = {name: None if is_loading else value for name, value in fields.items()}
        state["model"] = self.chunks[0].state_dict_for_save_checkpoint()
        state["optimizer"] = self.optimizer.sharded_state_dict({}, is_loading=is_loading, metadata={"distrib_optim_sharding_type": "fsdp_dtensor"})
        state["opt_param_scheduler"] = self.scheduler.state_dict()
        return state

    def save(self, folder):
        self.set(lambda wanted, kind: wanted)
        dcp.save(preprocess_fsdp_dtensor_state_dict(None, self.state_dict(False), self.chunks[0].module), checkpoint_id=folder)

    def load(self, folder):
        state = self.state_dict(True)
        self.spoil()
        raw = {name: state[name].copy() for name in ("model", "optimizer")}
        state = preprocess_fsdp_dtensor_state_dict(None, state, self.chunks[0].module)
        # As with --strict-fsdp-dtensor-load: nothing that is asked for may be missing.
        dcp.load(state, checkpoint_id=folder, planner=DefaultLoadPlanner(allow_partial_load=False))
        self.chunks[0].load_state_dict(raw["model"], strict=False)
        self.optimizer.load_state_dict(raw["optimizer"])
        self.scheduler.load_state_dict(state["opt_param_scheduler"])
        assert state["num_floating_point_operations_so_far"] == OPERATIONS and state["iteration"] == STEP
        return [f"{self.optimizer._param_name(p)} {kind}" for p, _, _ in self.held() for kind, tensor in self.tensors(p).items()
                if not same(tensor.detach(), self.wanted[id(p)][kind])]


def body(action, form, hf, checkpoint, layout):
    replace_cuda()
    training = (Reshardable if form == "torch_dist" else FullySharded)(hf, layout)
    folder = os.path.join(checkpoint, f"iter_{STEP:07d}")
    if action == "save":
        for part in training.parts:
            for group in part.optimizer.param_groups:
                group["step"] = STEP
        training.scheduler.step(increment=STEP)
        os.makedirs(folder, exist_ok=True)
        training.save(folder)
        with open(f"{checkpoint}/latest_checkpointed_iteration.txt", "w") as file:
            file.write(str(STEP))
        return
    wrong = training.load(folder)
    assert not wrong, f"{len(wrong)} differ: {wrong[:3]}"
    training.check_settings()


if __name__ == "__main__":
    action, form, hf, checkpoint, text = sys.argv[1:]
    sizes = dict(part.split("=") for part in text.split(","))
    ranks = int(sizes.pop("dp", 1))
    layout = standard.parse_layout(",".join("=".join(item) for item in sizes.items()))
    standard._device_index(hf)
    run(max(ranks, standard.world_size(layout)), lambda rank: body(action, form, hf, checkpoint, layout), f"{checkpoint}-logs-{action}")
