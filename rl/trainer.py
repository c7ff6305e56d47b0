"""TRL's GRPOTrainer with landmarks in all three of its paths, and a watch on what is answered.

prompts ─ processor ─► generate ──────────────► completions ─ rewards ─► advantages
             └ pixels, landmarks ─► old and reference log-probabilities ─┐      │
                                 └─► loss: new log-probabilities ────────┴──────┘
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages

from facellm.core.errors import FaceLLMError
from rl.colocated import Colocated
from rl.folder import checked
from rl.prompts import Prompts, Row
from rl.rewards.truth import Completion
from rl.rollouts import ALIAS, unpack
from rl.schedule import STATE_FILE, Schedule
from rl.watch import Watch


class FaceGRPOTrainer(GRPOTrainer):
    """GRPO for models with landmarks; see `rl.rollouts` for how these travel."""

    watch: Watch | None = None
    colocated: Colocated | None = None
    """vLLM, where it draws the answers."""
    max_difference: float = 0.0
    """Mean |Δ log-probability| between vLLM and trainer that is borne."""
    schedule: Schedule | None = None
    prompts: Prompts
    """What is asked; with a schedule, the pool that it draws from."""
    latest: Tensor
    """Log-probabilities of the last forward pass that learns."""
    round: int = 0
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

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        if self.schedule is not None:
            per_round = self.schedule.per_round
            self.round = inputs[0]["row"] // per_round
            self.drawn = self.schedule.draw(self.round)
            inputs = [self.prompts[self.drawn[slot["row"] % per_round]] for slot in inputs]
        return super()._generate_and_score_completions(inputs)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        # Trainer puts everything in training mode each step. Batch statistics would make the answer
        # to one prompt depend on its neighbours, and differ between generation and loss.
        self.accelerator.unwrap_model(self.model).model.vision.eval()
        return super()._prepare_inputs(generation_batch)

    def _generate_single_turn(
        self, prompt_ids: Any, images: Any, multimodal_fields: Any, *args: Any, **kwargs: Any
    ) -> Any:
        seen = unpack(multimodal_fields)
        if self.colocated is None:
            return super()._generate_single_turn(prompt_ids, images, seen, *args, **kwargs)
        self.colocated.sync(self.accelerator.unwrap_model(self.model), self.state.global_step)
        counts = self.processing_class.image_token_counts(seen["landmarks"], seen["num_views"])
        return self.colocated.generate(prompt_ids, images, counts)

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        pixel_values: Tensor | None = None,
        num_images: list[int] | None = None,
        image_position_ids: Tensor | None = None,
        **unused: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """TRL's method for the one layout that we have: a row of packed views a picture.

        It serves old and reference log-probabilities and the loss alike.
        """
        if pixel_values is None or image_position_ids is None or num_images is None:
            raise FaceLLMError("a batch came without its landmarks; this build of TRL drops them")
        ends = torch.tensor([0, *num_images]).cumsum(0).tolist()
        size = batch_size or len(input_ids)
        logps, entropies = [], []
        for start in range(0, len(input_ids), size):
            rows = slice(start, start + size)
            pictures = slice(ends[start], ends[min(start + size, len(input_ids))])
            inputs = {
                "input_ids": input_ids[rows],
                "attention_mask": attention_mask[rows],
                "pixel_values": pixel_values[pictures],
                ALIAS: image_position_ids[pictures],
            }
            labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
            labels[:, :-logits_to_keep] = -100
            with self.accelerator.autocast():
                outputs = model(**unpack(inputs), labels=labels, fused_lm_head=True)
            logps.append(outputs.log_probs[:, -logits_to_keep:])
            entropies.append(outputs.entropy[:, -logits_to_keep:] if compute_entropy else None)
        found = torch.cat(entropies) if compute_entropy else None
        together = torch.cat(logps)
        if torch.is_grad_enabled():
            self.latest = together.detach()
        return together, found, None

    def _compute_loss(self, model: nn.Module, inputs: Any) -> Tensor:
        loss = super()._compute_loss(model, inputs)
        if self.colocated is not None:
            self._compare(inputs)
        return checked(loss, self.state.global_step)

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

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> Tensor:
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
        if self.schedule is not None:
            weights = self.reward_weights.to(rewards.device) * ~rewards.isnan()
            shares = (weights * rewards.nan_to_num()).sum(1) / weights.sum(1)  # 0/0: unscored
            grouped = shares.view(-1, self.num_generations).cpu().double().numpy()
            self.schedule.learn(self.round, list(self.drawn), grouped)
            self._note(self.schedule.numbers(self.round))
        return rewards

    def _note(self, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._metrics["train"][name].append(value)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.schedule is not None and self.is_world_process_zero():
            name = f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            self.schedule.save(Path(self._get_output_dir(trial)) / name / STATE_FILE)
