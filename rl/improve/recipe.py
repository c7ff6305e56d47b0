"""The recipe of self-improvement: what a round asks, keeps, and learns."""

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from facellm.core.recipe import Part
from facellm.train.recipe import Corpus, Stage
from facellm.train.recipe import Recipe as Training
from rl.options import Asking
from rl.recipe import Recipe as Reinforcement


class Sampling(Part):
    """What the current model is asked."""

    prompts: int = Field(default=512, gt=0)
    """Questions in a round, drawn anew in each."""
    answers: int = Field(default=4, gt=0)
    """Answers to each; the best of those that hold is kept."""
    temperature: float = Field(default=0.8, gt=0)
    tolerance: int = Field(default=1, ge=0, le=4)
    """Intensity steps by which an answer may differ from the labels."""


class Tuning(Part):
    """Instruction tuning on what was kept."""

    own: float = Field(default=0.5, gt=0, le=1)
    """Share of the draws that are the model's own answers; the others are the corpora's labels,
    so that nothing is forgotten that the model does not yet say."""
    stage: Stage
    """As in a training recipe, without `name` and `objective`."""

    @model_validator(mode="before")
    @classmethod
    def _answering(cls, data: Any) -> Any:
        stage = data.get("stage") if isinstance(data, dict) else None
        if isinstance(stage, dict):
            return data | {"stage": {"name": "tune", "objective": "answer"} | stage}
        return data


class Improvement(Asking):
    """Rounds of: sample, verify against the labels, tune on what holds, reinforce, measure.

    By the rubric the best of the answers that hold is chosen, a round measured, and reinforced.
    `evaluate` compares every round with the start model and decides nothing.
    """

    rounds: int = Field(default=2, gt=0)
    """At most so many; one that does not raise the development reward is the last."""
    sample: Sampling = Sampling()
    tune: Tuning
    reinforce: dict[str, Any] | None = None
    """Options of a reinforcement recipe, such as `max_steps`; None tunes only."""
    develop: int = Field(default=200, gt=0)
    """Faces of each corpus's val split that decide whether a round was worth it."""

    @model_validator(mode="after")
    def _fits(self) -> "Improvement":
        given = {"output_dir", "model_name_or_path", "corpora", "tasks", "rubric"}
        twice = sorted(given & (self.reinforce or {}).keys())
        if twice:
            raise ValueError(f"reinforce names {twice[0]}, which is the whole recipe's")
        self.reinforcement(1, self.output_dir)
        return self

    def folder(self, number: int) -> Path:
        """Where round `number`, from 1, is kept."""
        return self.output_dir / f"round-{number}"

    def reinforcement(self, number: int, model: Path) -> Reinforcement:
        """GRPO of a round, from `model`; also says what is asked and how it is scored."""
        own = {
            "output_dir": self.folder(number) / "rl",
            "seed": self.seed + 1000 * number,
            "threads": self.threads,
            "use_cpu": self.use_cpu,
            "model_name_or_path": model,
            "corpora": [corpus.model_dump() for corpus in self.corpora],
            "tasks": self.tasks,
            "rubric": self.rubric.model_dump(exclude_none=True),
            "evaluate": 0,
        }
        return Reinforcement.model_validate(own | (self.reinforce or {"max_steps": 1}))

    def training(self, number: int, model: Path, kept: dict[Path, int]) -> Training:
        """Tuning of a round: own rows (file → how many) beside the corpora's labels."""
        own, total = self.tune.own, sum(kept.values())
        weights = sum(corpus.weight for corpus in self.corpora)
        corpora = [
            Corpus(path=corpus.path, weight=(1 - own) * corpus.weight / weights)
            for corpus in self.corpora
            if own < 1
        ]
        corpora += [Corpus(rows=file, weight=own * n / total) for file, n in kept.items() if n]
        return Training(
            output_dir=self.folder(number) / "tune",
            seed=self.seed + number,
            threads=self.threads,
            use_cpu=self.use_cpu,
            model_name_or_path=model,
            corpora=corpora,
            stages=[self.tune.stage],
            evaluate=0,
        )
