"""Answers drawn from a model: prompts are read once, rows that have ended cost nothing.

transformers' `generate` reads every copy of a prompt, copies all it keeps at every token, and
carries ended rows to the end of the longest. For a small model on a CPU these are most of the work.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, TopPLogitsWarper

from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMForConditionalGeneration
from rl.prefix import Inputs, distinct, growing, read

GROUPED = "facellm_grouped"
CROWDED = 0.8
"""Share of rows that must go on, else the others are taken out."""


class Choice(NamedTuple):
    """How an answer is drawn."""

    max_tokens: int
    stops: Sequence[int]
    """Ids that end an answer."""
    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    never: Sequence[int] = ()
    """Ids that are not drawn."""

    def tokens(self, logits_BV: Tensor) -> Tensor:
        """(B,) a token for each row."""
        logits_BV = logits_BV.float()
        if self.never:
            logits_BV[:, list(self.never)] = -torch.inf
        if self.temperature == 0:
            return logits_BV.argmax(1)
        logits_BV = logits_BV / self.temperature
        if self.top_p < 1:
            logits_BV = TopPLogitsWarper(self.top_p)(None, logits_BV)
        # Inverse of the distribution function; in doubles, or a rare draw lies beyond its end.
        sums = logits_BV.softmax(1).double().cumsum(1)
        if not torch.isfinite(sums[:, -1]).all():
            raise FaceLLMError(
                "the model finds no token likely: some weight is not finite; start from an earlier "
                "checkpoint, with a lower learning_rate"
            )
        drawn = torch.rand(len(sums), 1, dtype=sums.dtype, device=sums.device) * sums[:, -1:]
        return torch.searchsorted(sums, drawn, right=True).squeeze(1)


@torch.no_grad()
def draw(
    model: FaceLLMForConditionalGeneration,
    inputs: Inputs,
    pictures: Sequence[int],
    choice: Choice,
) -> list[list[int]]:
    """An answer to each row, with the token that ends it.

    Args:
        model: one that `shares` what it keeps.
        inputs: of B rows, see `rl.prefix`.
        pictures: how many each row has.
        choice: how tokens are drawn.
    """
    prompts, _, of = distinct(inputs, pictures)
    past = growing(read(model, prompts), of)
    mask, tokens = prompts["attention_mask"][of], prompts["input_ids"][of, -1]
    place = mask.sum(1, keepdim=True) - 1
    stops = torch.tensor(list(choice.stops), device=tokens.device)
    answers: list[list[int]] = [[] for _ in of]
    rows = torch.arange(len(of), device=tokens.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    with grouped(model):
        for _ in range(choice.max_tokens):
            hidden = model.model(
                input_ids=tokens[:, None],
                attention_mask=_of_token(mask),
                position_ids=place,
                past_key_values=past,
                use_cache=True,
            ).last_hidden_state
            tokens = choice.tokens(model.lm_head(hidden[:, -1]))
            for row, token, goes in zip(
                rows.tolist(), tokens.tolist(), going.tolist(), strict=True
            ):
                if goes:
                    answers[row].append(token)
            going &= ~torch.isin(tokens, stops)
            left = int(going.sum())
            if left == 0:
                break
            mask, place = F.pad(mask, (0, 1), value=1), place + 1
            if left <= CROWDED * len(rows):
                kept = going.nonzero().squeeze(1)
                past.batch_select_indices(kept)
                rows, going, tokens = rows[kept], going[kept], tokens[kept]
                mask, place = mask[kept], place[kept]
    return answers


def _of_token(mask: Tensor) -> Tensor:
    """What one more token sees: transformers would build the same on a CPU at every token anew."""
    if mask.device.type != "cpu":
        return mask
    hidden = torch.zeros(mask.shape, dtype=torch.float32).masked_fill_(mask == 0, -torch.inf)
    return hidden[:, None, None]


@contextmanager
def grouped(model: nn.Module) -> Iterator[None]:
    """On a CPU, attention that does not copy a key for each of its queries."""
    config = model.config.get_text_config()  # type: ignore[operator, union-attr]
    usual = config._attn_implementation
    if usual != "sdpa" or next(model.parameters()).device.type != "cpu":
        yield
        return
    config._attn_implementation = GROUPED
    try:
        yield
    finally:
        config._attn_implementation = usual


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **unused: Any,
) -> tuple[Tensor, None]:
    out = F.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2), None


AttentionInterface.register(GROUPED, _attention)
