"""Objective `answer`: the language model learns to answer about what the vision part sees.

dialogues ─ encode ─► ids, labels on answers alone ──────────────┐
    └─ views ─► tower, region encoder ─► tokens ─► projector ─────┴─► language model ─► loss

Scores are computed where an answer is, not for the prompt before it. Where all that sees rests,
what it has seen can be kept (`cached_views`, see `facellm.train.features`).
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.errors import FaceLLMError
from facellm.model.modeling import FaceLLMForConditionalGeneration
from facellm.model.processing import FaceLLMProcessor
from facellm.model.readings import Known
from facellm.train.dialogues import (
    IGNORED,
    Encoded,
    Source,
    check_labels,
    draw_dialogues,
    encode,
    pad,
)
from facellm.train.features import Features, tokens_of
from facellm.train.inputs import batch_views, generator_at
from facellm.train.loop import Batch
from facellm.train.recipe import Stage
from facellm.train.telling import known_of

GROUP = 8
"""Steps whose dialogues are sorted by length together."""


class Speaker(nn.Module):
    """The model, asked for the loss of its answers alone."""

    def __init__(self, model: FaceLLMForConditionalGeneration, features: Features | None) -> None:
        super().__init__()
        self.model = model
        self.features = features

    def forward(self, labels: Tensor, input_ids: Tensor, **inputs: Any) -> dict[str, Tensor]:
        """The summed loss over the scored tokens.

        Args:
            labels: (B, T), `IGNORED` where unscored.
            input_ids: (B, T).
            **inputs: `attention_mask`, and either the processor's outputs or `keys` of views,
                with `told_units`, `told_emotion` of those with a face where labels are told.
        """
        keys = inputs.pop("keys", None)
        told = [inputs.pop(name) for name in ("told_units", "told_emotion") if name in inputs]
        if keys is not None and self.features is not None:
            known = Known(*told) if told else None
            inputs["inputs_embeds"] = self._embedded(input_ids, keys, known)
        else:
            inputs["input_ids"] = input_ids
        hidden = self.model.model(**inputs, use_cache=False).last_hidden_state
        scored = labels[:, 1:] != IGNORED
        logits = self.model.lm_head(hidden[:, :-1][scored])
        gold = labels[:, 1:][scored]
        return {"answer": F.cross_entropy(logits.float(), gold, reduction="sum")}

    def _embedded(self, input_ids: Tensor, keys: Sequence[Any], known: Known | None) -> Tensor:
        assert self.features is not None
        vision = self.model.model.vision
        faces = [view.kind == "face" for view, _ in keys]
        seen = tokens_of(vision, self.features(vision, keys), faces, known)
        embeds = self.model.get_input_embeddings()(input_ids)
        mask = (input_ids == self.model.config.image_token_id).unsqueeze(-1)
        return embeds.masked_scatter(mask, seen.to(embeds.dtype))


class Answering:
    """The model learns to answer; what a stage does not train rests."""

    weights = {"answer": 1.0}  # noqa: RUF012

    def __init__(
        self,
        model: FaceLLMForConditionalGeneration,
        processor: FaceLLMProcessor,
        sources: Sequence[Source],
        shares: Sequence[float],
        stage: Stage,
        seed: int,
    ) -> None:
        if processor.image_processor.views != "face":
            raise FaceLLMError("this model sees whole pictures; training cuts a view for each face")
        if stage.cached_views and model.config.vision_config.prompt_guided:
            raise FaceLLMError(
                f"stage {stage.name}: what a prompt_guided model sees depends on the question and "
                "cannot be kept; set cached_views to 0 (and told, which needs it)"
            )
        check_labels(sources, shares, stage.tasks, stage.name)
        features = None
        if stage.cached_views:
            features = Features(sources, processor.image_processor, seed, stage.cache_gib)
        self.module = Speaker(model, features)
        self.processor, self.sources, self.shares = processor, sources, shares
        self.stage, self.seed = stage, seed
        self.most: int | None = getattr(model.config.text_config, "max_position_embeddings", None)
        self.sorted: tuple[int, list[list[Encoded]]] = (-1, [])
        self.lock = Lock()

    def batch(self, step: int, index: int, count: int) -> Batch:
        """Dialogues drawn, as the model reads them."""
        rng, generator = generator_at(self.seed, step, index, 1)
        rows = self._rows(step, index, count)
        input_ids, mask, labels = pad(rows, self.processor.tokenizer.pad_token_id)
        inputs: dict[str, Any] = {"input_ids": input_ids, "attention_mask": mask, "labels": labels}
        pictures = [picture for row in rows for picture in row.pictures]
        views = [view for picture in pictures for view in picture]
        if views and self.stage.cached_views:
            versions = rng.integers(self.stage.cached_views, size=len(views)).tolist()
            inputs["keys"] = list(zip(views, versions, strict=True))
            if self.stage.told:
                facts = [fact for row in rows for fact in row.facts]
                known = known_of(facts, self.stage.told, rng)
                inputs |= {"told_units": known.units, "told_emotion": known.emotion}
        elif views:
            images = self.processor.image_processor
            pixels, landmarks, _ = batch_views(self.sources, views, images, generator)
            inputs |= {"pixel_values": pixels, "landmarks": landmarks}
            inputs["num_views"] = torch.tensor([len(picture) for picture in pictures])
        scored = int((labels[:, 1:] != IGNORED).sum())
        return Batch(inputs, samples=len(rows), tokens=int(mask.sum()), scored=scored)

    def _rows(self, step: int, index: int, count: int) -> list[Encoded]:
        if not self.stage.group_by_length:
            return self._drawn(step, index)
        group, within = divmod(step, GROUP)
        known = self.sorted  # other threads may be at another group
        if known[0] != group:
            known = self.sorted = (group, self._grouped(group, count))
        return known[1][within * count + index]

    def _drawn(self, step: int, index: int) -> list[Encoded]:
        rng, _ = generator_at(self.seed, step, index)
        size = self.stage.per_device_train_batch_size
        found = draw_dialogues(
            self.sources, self.shares, size, rng, self.stage.tasks, self.stage.made_up
        )
        with self.lock:  # tokenizers are not made for several threads
            rows = [encode(self.processor, dialogue) for dialogue in found]
        self._check_length(max(rows, key=lambda row: len(row.ids)))
        return rows

    def _check_length(self, longest: Encoded) -> None:
        asked, tokens = self.stage.max_length, len(longest.ids)
        if asked is not None and tokens > asked:
            raise FaceLLMError(
                f"stage {self.stage.name}: {longest.name} has {tokens} tokens, max_length is "
                f"{asked}; raise it (nothing is cut: it would tear a picture's tokens apart), show "
                "fewer frames of a clip, or take out the long rows"
            )
        if self.most is not None and tokens > self.most:
            raise FaceLLMError(
                f"stage {self.stage.name}: {longest.name} has {tokens} tokens, but the language "
                f"model reads {self.most}; nothing is cut: show fewer frames of a clip, or take "
                "out the long rows"
            )

    def _grouped(self, group: int, count: int) -> list[list[Encoded]]:
        """The micro-batches of a group of steps, each of dialogues of similar length.

        Those of one step are similar too, so that no process waits for another; the order of the
        steps is random. Batches of several faces a picture stay what they are.
        """
        steps = range(group * GROUP, (group + 1) * GROUP)
        drawn = [self._drawn(step, index) for step in steps for index in range(count)]
        full = max(len(batch) for batch in drawn)
        single = [batch for batch in drawn if len(batch) == full]
        rows = sorted((row for batch in single for row in batch), key=lambda row: len(row.ids))
        batches = [rows[start : start + full] for start in range(0, len(rows), full)]
        batches += [batch for batch in drawn if len(batch) != full]
        batches.sort(key=lambda batch: max(len(row.ids) for row in batch))
        rng, _ = generator_at(self.seed, group, 2, 0)
        order = rng.permutation(GROUP)
        return [batch for at in order for batch in batches[at * count : (at + 1) * count]]
