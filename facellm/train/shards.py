"""Parameters, gradients and optimiser shared out among processes: PyTorch's FSDP2.

Its modules are read when they are used: they take seconds, and most runs do not shard.
"""

from typing import Any

import torch
from torch import nn

State = dict[str, Any]


def shard(module: nn.Module, device: str, processes: int, bf16: bool) -> None:
    """Each block of the language model is gathered for itself, the rest together."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device, (processes,))
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if bf16 else MixedPrecisionPolicy()
    for inner in list(module.modules()):
        if isinstance(inner, nn.ModuleList) and len(inner) > 0 and hasattr(inner[0], "self_attn"):
            for block in inner:
                fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)


def weights(module: nn.Module) -> State:
    """All weights by name, whole, on the main process; empty on the others."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_model_state_dict(module, options=options)


def state(module: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[State, State]:
    """Weights and the optimiser's state, whole, on the main process; empty on the others."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_state_dict(module, optimiser, options=options)


def load(
    module: nn.Module, optimiser: torch.optim.Optimizer, weights: State, moments: State
) -> None:
    """Take up what `state` gave; every process brings the whole of it and keeps its share."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict

    set_state_dict(
        module,
        optimiser,
        model_state_dict=weights,
        optim_state_dict=moments,
        options=StateDictOptions(full_state_dict=True, strict=False),
    )
