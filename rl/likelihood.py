"""How likely a model finds answers: each prompt is read once, answers of a length together.

TRL's trainer lets the model read every copy of a prompt, and pads every answer to the longest. The
numbers here are the same up to rounding, and so are the gradients. An answer whose advantage is 0
teaches nothing: prompts all of whose answers are such are only looked at.
"""

import types
from collections.abc import Iterator, Sequence
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from rl.prefix import Prompts, distinct, picked, places, read, spread

GROUPS = 4
"""Groups of answers of similar length, at most."""
ENOUGH = 8
"""Answers in a group, at least."""


class Found(NamedTuple):
    """Of B answers of up to C tokens; 0 where there is none."""

    log_probs: Tensor
    """(B, C)."""
    entropy: Tensor | None
    """(B, C); None where the model's head was not asked for it."""


def add_likelihood(model: PreTrainedModel) -> None:
    """Let `model(answers=…, …)` find how likely answers are, see `likelihood`.

    In the model's own forward pass: what wraps a model for several processes then sees one call.
    """
    usual = model.forward

    @wraps(type(model).forward)  # generate() checks its arguments against the signature
    def forward(self: Any, *args: Any, answers: Tensor | None = None, **kwargs: Any) -> Any:
        if answers is None:
            return usual(*args, **kwargs)
        return likelihood(self, usual, answers, **kwargs)

    model.forward = types.MethodType(forward, model)


def apart(
    ids: Tensor, mask: Tensor, length: int, pictures: list[int], idle: Tensor | None
) -> dict[str, Any]:
    """Prompts and their answers, the last `length` tokens, as `likelihood` takes them."""
    return {
        "input_ids": ids[:, :-length], "attention_mask": mask[:, :-length],
        "answers": ids[:, -length:], "told": mask[:, -length:],
        "pictures": pictures, "idle": idle,
    }  # fmt: skip


def whole(ids: Tensor, mask: Tensor, length: int) -> dict[str, Any]:
    """The same for a model that cannot: every row with its prompt, as TRL does it."""
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-length] = -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, "fused_lm_head": True}


def likelihood(
    model: Any,
    scored: Any,
    answers: Tensor,
    told: Tensor,
    pictures: Sequence[int],
    idle: Tensor | None = None,
    **inputs: Tensor,
) -> Found:
    """Log-probabilities of answers, with gradients where something is learned from.

    Args:
        model: one that `rl.prefix.shares`.
        scored: its forward pass with TRL's fused head.
        answers: (B, C) ids, padded on the right.
        told: (B, C), 0 where padded.
        pictures: how many each row has.
        idle: (B,) answers that teach nothing; None: all teach.
        **inputs: of the prompts, see `rl.prefix`.
    """
    prompts = distinct(inputs, pictures)
    rows: list[Tensor] = []
    parts: list[tuple[Tensor, ...]] = []
    for some, learn in _busy(prompts, idle):
        with torch.set_grad_enabled(learn and torch.is_grad_enabled()):
            past = read(model, picked(prompts.inputs, prompts.pictures, some.tolist()))
            mask = prompts.inputs["attention_mask"][some]
            mask = mask[:, -past.get_seq_length() - 1 :]
            last = prompts.inputs["input_ids"][some, -1]
            for own in _groups(prompts.of, some, told):
                at = torch.searchsorted(some, prompts.of[own])
                length = max(1, int(told[own].sum(1).max()))
                seen = torch.cat([mask[at], told[own, : length - 1]], 1)
                outputs = scored(
                    input_ids=torch.cat([last[at, None], answers[own, : length - 1]], 1),
                    attention_mask=seen,
                    position_ids=places(seen)[:, -length:],
                    past_key_values=spread(past, at),
                    shift_labels=answers[own, :length].masked_fill(told[own, :length] == 0, -100),
                    fused_lm_head=True,
                )
                rows.append(own)
                more = (0, answers.shape[1] - length)
                found = (outputs.log_probs, outputs.entropy)
                parts.append(tuple(F.pad(part, more) for part in found if part is not None))
    order = torch.cat(rows).argsort()
    log_probs, *entropy = (torch.cat(part)[order] for part in zip(*parts, strict=True))
    return Found(log_probs, entropy[0] if entropy else None)


def _busy(prompts: Prompts, idle: Tensor | None) -> Iterator[tuple[Tensor, bool]]:
    """Prompts (indices, rising) that something is learned from, and those that are looked at."""
    count = len(prompts.pictures)
    every = torch.arange(count, device=prompts.of.device)
    if idle is None:
        yield every, True
        return
    busy = torch.zeros(count, dtype=torch.bool, device=idle.device)
    busy[prompts.of[~idle]] = True
    if not busy.any():
        busy[0] = True  # its gradient is 0, but other processes wait for one
    yield every[busy], True
    if not busy.all():
        yield every[~busy], False


def _groups(of: Tensor, some: Tensor, told: Tensor) -> list[Tensor]:
    """The rows that ask `some` prompts, in groups of similar length."""
    rows = torch.isin(of, some).nonzero().squeeze(1)
    rows = rows[told[rows].sum(1).argsort(stable=True)]
    return list(rows.tensor_split(max(1, min(GROUPS, len(rows) // ENOUGH))))
