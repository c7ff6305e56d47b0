"""The rubric of a recipe: which rewards are given, how much each weighs, and their options."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator, model_validator

from data_engine.teachers.options import TeacherOptions
from facellm.core.facs import PROTOCOLS
from facellm.core.recipe import Part, no_option
from rl import rewards
from rl.rewards.stated import Place
from rl.rewards.truth import Completion

Given = Callable[..., list[float | None]]
"""A reward function, called with the columns of a batch by name."""


class Weighed(Part):
    """A reward without options; a recipe may write its weight alone: `expression: 0.5`."""

    weight: float = Field(default=1.0, gt=0)
    """Rewards lie in [0, 1]; the weighted sum is what GRPO compares within a group."""


class Units(Weighed):
    """A reward on action units."""

    protocol: str = "rig23"
    """A named protocol, see `facellm.core.facs.PROTOCOLS`."""
    over: Place = "both"
    """Units of the evidence, of the answer, or of both."""

    @field_validator("protocol")
    @classmethod
    def _named(cls, value: str) -> str:
        if value not in PROTOCOLS:
            raise ValueError(no_option(value, PROTOCOLS))
        return value


class Length(Weighed):
    """Lengths in tokens."""

    free: int = Field(default=160, gt=0)
    """Up to here nothing is lost."""
    limit: int = Field(default=240, gt=0)
    """From here on nothing is given."""


class Repetition(Weighed):
    """Repeated word n-grams."""

    n: int = Field(default=5, gt=0)


class Looked(Weighed):
    """Attention of the region encoder, which must be learning (`rl.rewards.looked`)."""

    threshold: float = Field(default=0.5, ge=0, le=1)
    """Share of a unit's attention inside its regions from which it was looked at."""


class Judge(Weighed):
    """A language model behind any OpenAI-compatible server."""

    endpoint: TeacherOptions
    """`model`, `base_url` and what else a teacher of the data engine takes; it is asked at
    temperature 0 unless this says otherwise."""
    cache: Path = Path("runs/judge.sqlite")
    """File of finished calls: the same answer is judged once."""

    @field_validator("endpoint", mode="before")
    @classmethod
    def _steady(cls, value: Any) -> Any:
        return {"temperature": 0.0, **value} if isinstance(value, dict) else value


class Reward(NamedTuple):
    """One reward of a rubric, ready to be called as TRL does."""

    name: str
    weight: float
    function: Given


class Rubric(Part):
    """Rewards that are named are given; the others are not computed."""

    score: Weighed | None = None
    """The task's own score, for any task."""
    au_f1: Units | None = None
    au_intensity: Units | None = None
    expression: Weighed | None = None
    format: Weighed | None = None
    consistency: Weighed | None = None
    grounding: Weighed | None = None
    hallucination: Weighed | None = None
    wording: Weighed | None = None
    affective_tree: Weighed | None = None
    caption_facts: Weighed | None = None
    choice: Weighed | None = None
    attributes: Weighed | None = None
    age: Weighed | None = None
    looked: Looked | None = None
    judge: Judge | None = None
    length: Length | None = None
    repetition: Repetition | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_weights(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        plain = {k: v for k, v in data.items() if isinstance(v, int | float)}
        return data | {key: {"weight": value} for key, value in plain.items()}

    @model_validator(mode="after")
    def _some(self) -> "Rubric":
        if not self.rewards():
            raise ValueError(f"name at least one reward of {', '.join(Rubric.model_fields)}")
        return self

    def rewards(self) -> list[Reward]:
        """The rewards that are named, in the order above."""
        found = []
        for name in Rubric.model_fields:
            part = getattr(self, name)
            if part is not None:
                options = part.model_dump(exclude={"weight"})
                function = _named(name, partial(_FUNCTIONS[name], **options))
                found.append(Reward(name, part.weight, function))
        return found

    def totals(self, completions: Sequence[Completion], **columns: Any) -> list[float | None]:
        """The weighted sum of each completion, see `total`; columns are those of a batch."""
        given = [r.function(completions=completions, **columns) for r in self.rewards()]
        return [self.total(parts) for parts in zip(*given, strict=True)]

    def total(self, parts: Sequence[float | None]) -> float | None:
        """Σ weight · reward over the scored parts; None where none is."""
        pairs = zip(self.rewards(), parts, strict=True)
        known = [reward.weight * part for reward, part in pairs if part is not None]
        return sum(known) if known else None


def _named(name: str, function: Given) -> Given:
    """The function under a name: TRL logs a reward under that, and looks through partials."""

    def reward(**columns: Any) -> list[float | None]:
        return function(**columns)

    reward.__name__ = name
    return reward


_FUNCTIONS: dict[str, Given] = {
    name: getattr(rewards, "grammar" if name == "format" else name) for name in Rubric.model_fields
}
