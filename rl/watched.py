"""TRL's GRPOTrainer as every run here uses it: prompts of a schedule, a watch on what is answered.

How a model is shown pictures and landmarks is said by those who inherit (`rl.trainer` for our own
model, `rl.stock` for others with face regions).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages

from facellm.core.errors import FaceLLMError
from rl.folder import checked
from rl.looks import looks
from rl.prompts import Prompts, Row
from rl.rewards.truth import Completion
from rl.rollouts import ALIAS
from rl.schedule import STATE_FILE, Schedule
from rl.watch import Watch

FLAT_ROUNDS = 20
"""Rounds in a row without a difference between answers after which a run stops."""


class WatchedTrainer(GRPOTrainer):
    """GRPO on models with landmarks; these travel under a name that TRL knows."""

    watch: Watch | None = None
    schedule: Schedule | None = None
    prompts: Prompts
    """What is asked; with a schedule, the pool that it draws from."""
    latest: Tensor
    """Log-probabilities of the last forward pass that learns."""
    round: int = 0
    flat: int = 0
    """Rounds in a row in which no answer earned more than another to the same prompt."""
    drawn: Sequence[int] = ()
    """The schedule's prompts of this round, those of all processes."""

    def answers(self, rows: Sequence[Row]) -> tuple[list[Completion], list[list[int]]]:
        """Completions and their ids, sampled outside of what training counts; a row each."""
        training = self.model.training
        self.model.eval()
        asked = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
        _, ids, _, completions, *_ = self._generate(asked)
        self._metrics["eval"].clear()
        self.model.train(training)
        return completions, ids

    def inputs_of(
        self, model: nn.Module, rows: slice, pictures: slice, length: int, batch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the model is called with for some rows of a batch.

        Args:
            model: which is called.
            rows: which rows.
            pictures: their pictures.
            length: tokens of the answers, which end the rows.
            batch: `input_ids`, `attention_mask` and all that TRL carries of pictures.
        """
        raise NotImplementedError

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        if self.schedule is not None:
            per_round = self.schedule.per_round
            self.round = inputs[0]["row"] // per_round
            self.drawn = self.schedule.draw(self.round)
            inputs = [self.prompts[self.drawn[slot["row"] % per_round]] for slot in inputs]
        return super()._generate_and_score_completions(inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        num_images: list[int] | None = None,
        **seen: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """TRL's method; it serves old and reference log-probabilities and the loss alike."""
        if seen.get("pixel_values") is None or seen.get(ALIAS) is None or num_images is None:
            raise FaceLLMError("a batch came without its landmarks; this build of TRL drops them")
        ends = torch.tensor([0, *num_images]).cumsum(0).tolist()
        batch = {"input_ids": input_ids, "attention_mask": attention_mask, **seen}
        batch["num_images"] = num_images
        size = batch_size or len(input_ids)
        logps, entropies = [], []
        for start in range(0, len(input_ids), size):
            rows = slice(start, min(start + size, len(input_ids)))
            pictures = slice(ends[rows.start], ends[rows.stop])
            inputs = self.inputs_of(model, rows, pictures, logits_to_keep, batch)
            with self.accelerator.autocast():
                outputs = model(**inputs)
            logps.append(outputs.log_probs[:, -logits_to_keep:])
            entropies.append(outputs.entropy[:, -logits_to_keep:] if compute_entropy else None)
        found = torch.cat(entropies) if compute_entropy else None
        together = torch.cat(logps)
        if torch.is_grad_enabled():
            self.latest = together.detach()
        return together, found, None

    def _compute_loss(self, model: nn.Module, inputs: Any) -> Tensor:
        return checked(super()._compute_loss(model, inputs), self.state.global_step)

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> Tensor:
        if "looked" in self.reward_func_names:
            bare = self.accelerator.unwrap_model(self.model)
            found = looks(bare, self.processing_class, inputs)
            inputs = [row | {"looks": own} for row, own in zip(inputs, found, strict=True)]
        rewards: Tensor = super()._calculate_rewards(
            inputs, prompts, completions, completion_ids_list
        )
        if self.watch is not None:
            own = slice(
                self.accelerator.process_index * len(inputs),
                (self.accelerator.process_index + 1) * len(inputs),
            )
            numbers = self.watch.see(inputs, completions, rewards[own].tolist())
            self._note(numbers)
        self._see_differences(rewards)
        if self.schedule is not None:
            weights = self.reward_weights.to(rewards.device) * ~rewards.isnan()
            shares = (weights * rewards.nan_to_num()).sum(1) / weights.sum(1)  # 0/0: unscored
            grouped = shares.view(-1, self.num_generations).cpu().double().numpy()
            self.schedule.learn(self.round, list(self.drawn), grouped)
            self._note(self.schedule.numbers(self.round))
        return rewards

    def _see_differences(self, rewards: Tensor) -> None:
        """Count rounds in which the answers to every prompt earned the same.

        Raises:
            FaceLLMError: too many in a row.
        """
        totals = (rewards * self.reward_weights.to(rewards.device)).nansum(1)
        spread = totals.view(-1, self.num_generations)
        self.flat = 0 if bool((spread.amax(1) - spread.amin(1) > 1e-6).any()) else self.flat + 1
        if self.flat == FLAT_ROUNDS:
            raise FaceLLMError(
                f"for {FLAT_ROUNDS} rounds all answers to a prompt have earned the same (step "
                f"{self.state.global_step}, mean {float(totals.mean()):.3f}): nothing is learned "
                "any more; the last checkpoint is untouched: raise temperature or "
                "num_generations, or choose harder tasks or other rewards"
            )

    def _note(self, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._metrics["train"][name].append(value)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.schedule is not None and self.is_world_process_zero():
            name = f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            self.schedule.save(Path(self._get_output_dir(trial)) / name / STATE_FILE)
