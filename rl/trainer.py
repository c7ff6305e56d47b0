"""GRPO of our own model, with landmarks in all three of TRL's paths.

prompts ─ processor ─► draw ──────────────────► completions ─ rewards ─► advantages
             └ pixels, landmarks ─► old and reference log-probabilities ─┐      │
                                 └─► loss: new log-probabilities ────────┴──────┘

A prompt and its pictures are the same for all of its answers: each of these reads it once
(`rl.prefix`), and what rests of the vision part sees a picture once for all three (`rl.seen`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from trl.models import unwrap_model_for_generation

from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMForConditionalGeneration
from rl.colocated import Colocated
from rl.decode import Choice, draw
from rl.likelihood import add_likelihood, apart, whole
from rl.prefix import shares
from rl.rollouts import ALIAS, unpack
from rl.seen import Seen
from rl.watched import WatchedTrainer


class FaceGRPOTrainer(WatchedTrainer):
    """GRPO for our own model; see `rl.rollouts` for how landmarks travel."""

    colocated: Colocated | None = None
    """vLLM, where it draws the answers."""
    max_difference: float = 0.0
    """Mean |Δ log-probability| between vLLM and trainer that is borne."""
    sharing: bool = True
    """Whether a prompt is read once for its answers, where the model can; else as TRL does it."""
    idle: Tensor | None = None
    """Of the answers that are learned from: those that teach nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[Seen] = []
        for model in (self.model, self.ref_model):
            bare = None if model is None else self.accelerator.unwrap_model(model)
            if isinstance(bare, FaceLLMForConditionalGeneration):
                add_likelihood(bare)
                seen = Seen.before(bare.model.vision, resting=model is self.ref_model)
                self.seen += [seen] if seen else []

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        # Trainer puts everything in training mode each step. Batch statistics would make the answer
        # to one prompt depend on its neighbours, and differ between generation and loss.
        self.accelerator.unwrap_model(self.model).model.vision.eval()
        return super()._prepare_inputs(generation_batch)

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, *args: Any, **kwargs: Any
    ) -> Any:
        seen = unpack(multimodal_fields)
        bare = self.accelerator.unwrap_model(self.model)
        for own in self.seen:
            own.forget()
        if self.colocated is not None:
            self.colocated.sync(bare, self.state.global_step)
            counts = self.processing_class.image_token_counts(seen["landmarks"], seen["num_views"])
            return self.colocated.generate(prompt_ids, images, counts)
        if not (self.sharing and shares(bare)):
            return super()._generate_single_turn(prompt_ids, images, seen, *args, **kwargs)
        text = self._tokenizer.pad({"input_ids": prompt_ids}, padding_side="left")
        seen |= {name: torch.tensor(rows) for name, rows in text.items()}
        seen = {name: value.to(self.accelerator.device) for name, value in seen.items()}
        choice = Choice(
            self.max_completion_length, self.eos_token_ids, self.temperature, self.top_p,
            never=[bare.config.image_token_id],
        )  # fmt: skip
        gather = self.args.ds3_gather_for_generation
        with (
            unwrap_model_for_generation(self.model_wrapped, self.accelerator, gather) as model,
            self.accelerator.autocast(),
        ):
            return draw(model, seen, [len(own) for own in images], choice), None

    def inputs_of(
        self, model: nn.Module, rows: slice, pictures: slice, length: int, batch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See `WatchedTrainer`: the one layout that we have, a row of packed views a picture."""
        seen = unpack(
            {"pixel_values": batch["pixel_values"][pictures], ALIAS: batch[ALIAS][pictures]}
        )
        told = (batch["input_ids"][rows], batch["attention_mask"][rows], length)
        if not (self.sharing and shares(self.accelerator.unwrap_model(model))):
            return seen | whole(*told)
        idle = None if self.idle is None else self.idle[rows]
        return seen | apart(*told, batch["num_images"][rows], idle)

    def _compute_loss(self, model: nn.Module, inputs: Any) -> Tensor:
        # Without a reference, an answer's share of the loss is a multiple of its advantage.
        self.idle = inputs["advantages"] == 0 if self.beta == 0 else None
        loss = super()._compute_loss(model, inputs)
        self.idle = None
        if self.colocated is not None:
            self._compare(inputs)
        return loss

    def _compare(self, inputs: Any) -> None:
        """See that vLLM finds its answers as likely as the trainer does, before it learns of them.

        The old log-probabilities are those of the weights that drew the answers; where there are
        none, no update lies between, and the present ones are.
        """
        own = inputs.get("old_per_token_logps", self.latest)
        told = inputs["completion_mask"].bool()
        off = (own - inputs["sampling_per_token_logps"]).abs()[told]
        mean = float(off.mean()) if len(off) else 0.0
        self._note({"sampling_difference": mean})
        if not mean <= self.max_difference:  # NaN too
            raise FaceLLMError(
                f"vLLM's log-probabilities differ by {mean:.3g} from the trainer's at step "
                f"{self.state.global_step} (vllm.max_difference is {self.max_difference:g}): they "
                "do not run the same model; the last checkpoint is untouched"
            )
