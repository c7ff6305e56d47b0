"""A prompt and its pictures, gone through once for all of its answers.

The G answers to a prompt share its tokens and its pictures. What the language model keeps of them
(keys and values) is the same for all, so it is computed for the P prompts that differ and then
handed to each of the B answers:

    B prompts ─ distinct ─► P prompts ─ read ─► keys, values (P) ─ spread ─► (B) ─► answers

A prompt is read up to its last token, which the answers begin with: the answer's first token is
said by it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

from facellm.model import FaceLLMForConditionalGeneration

ROOM = 64
"""Tokens that a growing cache has room for each time it is full."""
Inputs = Mapping[str, Tensor]
"""The processor's outputs: input_ids and attention_mask (padded on the left), pixel_values,
landmarks, num_views."""


class Prompts(NamedTuple):
    """Prompts that differ from each other, as the model takes them."""

    inputs: dict[str, Tensor]
    """Of P prompts."""
    pictures: list[int]
    """How many each prompt has."""
    of: Tensor
    """(B,) which of them each row asks."""


def shares(model: Any) -> bool:
    """Whether this model can go on from what it keeps of a prompt.

    Others see a window only, or keep nothing while their layers are checkpointed.
    """
    if not isinstance(model, FaceLLMForConditionalGeneration):
        return False
    text = model.config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    whole = kinds == {"full_attention"} and not getattr(text, "sliding_window", None)
    return whole and not (model.is_gradient_checkpointing and model.training)


def distinct(inputs: Inputs, pictures: Sequence[int]) -> Prompts:
    """The prompts that differ in a token, a picture or a landmark.

    Args:
        inputs: of B rows.
        pictures: how many each row has.
    """
    of_rows = [int(own.sum()) for own in inputs["num_views"].split(list(pictures))]
    landmarks = inputs["landmarks"].split(of_rows)
    pixels = inputs["pixel_values"].split(of_rows)
    told = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -1).cpu().numpy()
    rows: list[int] = []
    of: list[int] = []
    known: dict[tuple[bytes, bytes], list[int]] = {}
    for row, (ids, points) in enumerate(zip(told, landmarks, strict=True)):
        alike = known.setdefault((ids.tobytes(), points.cpu().numpy().tobytes()), [])
        found = (place for place in alike if torch.equal(pixels[rows[place]], pixels[row]))
        place = next(found, len(rows))
        if place == len(rows):
            rows.append(row)
            alike.append(place)
        of.append(place)
    there = inputs["input_ids"].device
    return Prompts(
        picked(inputs, pictures, rows),
        [pictures[row] for row in rows],
        torch.tensor(of, device=there),
    )


def picked(inputs: Inputs, pictures: Sequence[int], rows: Sequence[int]) -> dict[str, Tensor]:
    """Some rows of a batch, with their pictures; padding that none of them needs is left out."""
    views = inputs["num_views"].split(list(pictures))
    counts = [int(own.sum()) for own in views]
    mask = inputs["attention_mask"][list(rows)]
    longest = int(mask.sum(1).max())
    found = {
        "input_ids": inputs["input_ids"][list(rows)][:, -longest:],
        "attention_mask": mask[:, -longest:],
        "num_views": torch.cat([views[row] for row in rows]),
    }
    for name in ("pixel_values", "landmarks"):
        parts = inputs[name].split(counts)
        found[name] = torch.cat([parts[row] for row in rows])
    return found


def places(mask: Tensor) -> Tensor:
    """(B, T) the place of each token among those of its row that are not padding."""
    return (mask.long().cumsum(1) - 1).clamp_min(0)


def read(model: FaceLLMForConditionalGeneration, inputs: Mapping[str, Tensor]) -> DynamicCache:
    """What the language model keeps of prompts, all but their last token."""
    past = DynamicCache()
    mask = inputs["attention_mask"][:, :-1]
    model.model(
        **{name: inputs[name] for name in ("pixel_values", "landmarks", "num_views")},
        input_ids=inputs["input_ids"][:, :-1],
        attention_mask=mask,
        position_ids=places(mask),
        past_key_values=past,
        use_cache=True,
    )
    return past


def spread(past: DynamicCache, of: Tensor) -> DynamicCache:
    """A row for each of `of`; gradients of all rows of a prompt meet in it."""
    return DynamicCache([(layer.keys[of], layer.values[of]) for layer in past.layers])


class Growing(DynamicLayer):
    """Keys and values with room for more: a token costs one write, and no copy of all before it."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.held = [keys, values]
        self.keys, self.values = keys, values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Keep new keys and values (B, H, T, d); all that are kept."""
        start = self.get_seq_length()
        end = start + key_states.shape[2]
        if end > self.held[0].shape[2]:
            more = (0, 0, 0, max(ROOM, end - self.held[0].shape[2]))
            self.held = [F.pad(part, more) for part in self.held]
        for part, new in zip(self.held, (key_states, value_states), strict=True):
            part[:, :, start:end] = new
        self.keys, self.values = (part[:, :, :end] for part in self.held)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some rows alone."""
        end = self.get_seq_length()
        self.held = [part[indices] for part in self.held]
        self.keys, self.values = (part[:, :, :end] for part in self.held)


def growing(past: DynamicCache, of: Tensor) -> Cache:
    """As `spread`, to be written to in place: without gradients."""
    return Cache(layers=[Growing(layer.keys[of], layer.values[of]) for layer in past.layers])
