"""The recipe of a preference run: what pairs are made of, and how they are learned from."""

from typing import Literal

from pydantic import Field, model_validator

from facellm.core.recipe import Part
from rl.options import Learning, Scheduler
from rl.recipe import Recipe as Reinforcement

STAGE = "dpo"
"""What the lines of a run's log belong to."""


class Pairing(Part):
    """Which answers are set against each other."""

    of: Literal["answers", "groups"] = "answers"
    """`answers`: the best and the worst answer to one question about one face. `groups`: what the
    model says of one face in two groups, where pictures of a set (`pair` of a sample) differ in
    one group label alone; the group it reads worse is to be answered as the one it reads best."""
    prompts: int = Field(default=400, gt=0)
    """Questions; with `groups`, sets of pictures that are asked one question each."""
    answers: int = Field(default=4, gt=0)
    """Answers to each, with `groups` to each picture."""
    temperature: float = Field(default=1.0, ge=0)
    """0 gives the one greedy answer, for `groups`: then only the group makes a difference."""
    margin: float = Field(default=0.2, gt=0)
    """Least difference of the two rewards, in the units of the rubric's weighted sum; a smaller
    one is a tie."""

    @model_validator(mode="after")
    def _differ(self) -> "Pairing":
        if self.of == "answers" and (self.answers < 2 or self.temperature == 0):
            raise ValueError("pairs of answers need at least 2 answers and a temperature above 0")
        if self.temperature == 0 and self.answers > 1:
            raise ValueError("at temperature 0 all answers are the same; set answers to 1")
        return self


class Preferences(Learning):
    """A whole run. Names and meanings are those of `rl.recipe` and TRL where they have them.

    `evaluate` also takes as many sets of the corpora that have groups.
    """

    algorithm: Literal["dpo"]
    pairs: Pairing = Pairing()
    loss_type: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """Sigmoid is DPO's own (Rafailov et al., 2023); IPO (Azar et al., 2023), hinge (SLiC)."""
    beta: float = Field(default=0.1, gt=0)
    """How much it costs to leave the start model."""
    sft_weight: float = Field(default=0.0, ge=0)
    """Weight of −log p of the chosen answers' tokens beside it: DPO alone may make both answers
    unlikelier, as long as the rejected one loses more."""
    per_device_train_batch_size: int = Field(default=8, gt=0)
    """Pairs in a forward pass."""
    lr_scheduler_type: Scheduler = "cosine"

    @model_validator(mode="after")
    def _asked(self) -> "Preferences":
        if self.rubric.looked is not None:
            raise ValueError(
                "rubric.looked is scored while GRPO learns, not for pairs; take it out"
            )
        return self

    def asking(self) -> Reinforcement:
        """What is asked and measured, as a reinforcement run does it."""
        same = {"output_dir", "seed", "tasks", "evaluate", "use_cpu"}
        return Reinforcement.model_validate(
            self.model_dump(include=same)
            | {
                "corpora": [corpus.model_dump() for corpus in self.corpora],
                "rubric": self.rubric.model_dump(exclude_none=True),
                "max_steps": 1,
            }
        )
