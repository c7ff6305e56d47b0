"""The recipe of a reinforcement run: what it may hold."""

from typing import Any, Literal

from pydantic import Field, model_validator

from facellm.core.recipe import Part
from rl.options import Learning, Scheduler

Algorithm = Literal["grpo", "dr_grpo", "dapo", "gspo"]
LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo"]

PRESETS: dict[Algorithm, dict[str, Any]] = {
    "grpo": {
        "loss_type": "grpo", "epsilon": 0.2, "epsilon_high": 0.2, "scale_rewards": "group",
        "importance_sampling_level": "token", "mask_truncated_completions": False,
    },
    "dr_grpo": {
        "loss_type": "dr_grpo", "epsilon": 0.2, "epsilon_high": 0.2, "scale_rewards": "none",
        "importance_sampling_level": "token", "mask_truncated_completions": False,
    },
    "dapo": {
        "loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28, "scale_rewards": "group",
        "importance_sampling_level": "token", "mask_truncated_completions": True,
    },
    "gspo": {
        "loss_type": "grpo", "epsilon": 3e-4, "epsilon_high": 4e-4, "scale_rewards": "group",
        "importance_sampling_level": "sequence", "mask_truncated_completions": False,
    },
}  # fmt: skip
"""GRPO (Shao et al., 2024), Dr.GRPO (Liu et al., 2025), DAPO without its dynamic sampling (Yu et
al., 2025) and GSPO (Zheng et al., 2025), in the words of TRL's GRPOConfig."""


class StartCheck(Part):
    """What the start model must be able to do; reinforcement only strengthens what it samples."""

    prompts: int = Field(default=16, ge=0)
    """Prompts it is tried on, `num_generations` answers each; 0 skips the check."""
    parsed: float = Field(default=0.2, ge=0, le=1)
    """Share of the answers that must be readable."""
    varied: float = Field(default=0.1, ge=0, le=1)
    """Share of the prompts whose answers must not all get the same reward."""


class Vllm(Part):
    """vLLM in the trainer's process, for `rollouts: vllm`."""

    max_num_seqs: int = Field(default=64, gt=0)
    """Answers in the making at once."""
    gpu_memory_utilization: float = Field(default=0.3, gt=0, lt=1)
    """Share of a GPU's memory that is vLLM's; the rest is the trainer's."""
    max_difference: float = Field(default=0.02, gt=0)
    """Mean |Δ log-probability| of a batch's tokens, vLLM's against the trainer's, beyond which the
    run stops: then the two do not run the same model."""


class HeldOut(Part):
    """The reward on prompts that are not trained on, measured as the run goes."""

    prompts: int = Field(default=0, ge=0)
    """Faces of the test splits, the same in every run; 0 measures nothing."""
    every: int = Field(default=10, gt=0)
    """Steps between two measurements; the start and the end are measured too."""


class Recipe(Learning):
    """A whole run. Names and meanings are those of transformers and TRL where they have them."""

    pool: int | None = Field(default=None, gt=0)
    """Different prompts in the whole run; None: every draw is a new one."""
    schedule: Literal["plain", "utility"] = "plain"
    """Ask the pool's prompts in turn, or those that teach most (`rl.schedule`)."""
    held_out: HeldOut = HeldOut()

    algorithm: Algorithm = "grpo"
    """A preset of the six options below; any of them may be named beside it."""
    loss_type: LossType = "grpo"
    epsilon: float = Field(default=0.2, gt=0)
    epsilon_high: float = Field(default=0.2, gt=0)
    scale_rewards: Literal["group", "batch", "none"] = "group"
    importance_sampling_level: Literal["token", "sequence"] = "token"
    mask_truncated_completions: bool = False
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL divergence from the start model; 0 keeps no reference model."""
    num_generations: int = Field(default=8, ge=2)
    """Answers to each prompt, which are compared with each other."""
    num_iterations: int = Field(default=1, gt=0)
    """Updates on the same answers."""
    per_device_train_batch_size: int = Field(default=32, gt=0)
    """Answers in a forward pass."""
    lr_scheduler_type: Scheduler = "constant_with_warmup"
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_completion_length: int = Field(default=240, gt=0)
    """Tokens; a longer answer is cut, and does not parse."""

    deepspeed: Literal[0, 2] = 0
    """ZeRO stage, for runs of several processes."""
    rollouts: Literal["transformers", "vllm"] = "transformers"
    """What draws the answers."""
    vllm: Vllm = Vllm()
    check: StartCheck = StartCheck()
    samples: int = Field(default=2, ge=0)
    """Answers with their rewards kept for reading at each logged step, in `completions.jsonl`."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("algorithm", "grpo"), str):
            return PRESETS.get(data.get("algorithm", "grpo"), {}) | data
        return data

    @model_validator(mode="after")
    def _draws(self) -> "Recipe":
        answers = self.per_device_train_batch_size * self.gradient_accumulation_steps
        if answers % self.num_generations:
            raise ValueError(
                f"{answers} answers a step (per_device_train_batch_size × "
                f"gradient_accumulation_steps) are no multiple of num_generations "
                f"{self.num_generations}"
            )
        if self.save_steps % self.num_iterations:
            raise ValueError("save_steps must be a multiple of num_iterations, or answers are lost")
        if self.schedule == "utility" and self.pool is None:
            raise ValueError("schedule utility draws from a pool; name its size, such as pool: 512")
        if self.rubric.looked is not None and "region_encoder" not in self.train:
            raise ValueError(
                "rubric.looked scores where the region encoder looks, which rests in this run; add "
                "region_encoder to train, or take looked out"
            )
        if self.rollouts == "vllm" and (self.temperature, self.top_p) != (1.0, 1.0):
            raise ValueError(
                "rollouts vllm compares log-probabilities with the trainer's, which temperature "
                "and top_p other than 1 change; leave them at 1"
            )
        return self

    @property
    def prompts_per_step(self) -> int:
        """Prompts that new answers are drawn for at once, in one process."""
        answers = self.per_device_train_batch_size * self.gradient_accumulation_steps
        return answers // self.num_generations
