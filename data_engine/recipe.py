"""The recipe of a run of the data engine: sources, steps, exports and how to run them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, model_validator

from data_engine.sources import load_source
from data_engine.sources.base import Source
from data_engine.step import Step
from data_engine.steps import load_step
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part, check, load, no_option

Use = dict[str, Any]
"""`use: NAME` with the options of what is named beside it."""


class Recipe(Part):
    """A whole run: what it reads, what is done with it, where it goes."""

    output_dir: Path
    """The run's folder and, in the end, the corpus."""
    seed: int = 0
    """For every source and step that has a `seed` and is not given its own."""
    sources: list[Use] = Field(min_length=1)
    """`use:` a source of `data_engine.sources` or `module:Class`, read one after the other.
    A single one may be given as `source:`."""
    steps: list[Use] = Field(default_factory=list)
    """`use:` a step of `data_engine.steps` or `module:Class`, in order."""
    export: list[Use] = Field(default_factory=list)
    """What to make of the finished corpus, see `data_engine.export`."""
    executor: Literal["local", "ray"] = "local"
    """Processes on this machine, or Ray on a cluster that shares its file system."""
    workers: int = Field(default=1, ge=1)
    """Shards that are worked on at the same time, one process each."""
    shard_size: int = Field(default=1000, ge=1)
    """Items a shard: what is lost at most, besides cached answers, when a run is killed."""
    limit: int | None = Field(default=None, ge=1)
    """Read only the first so many items."""
    retry: bool = Field(default=False, exclude=True)
    """Ask again for what a teacher did not answer, see `data_engine.retry`; of this start alone, no
    part of what the run is."""

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, data: Any) -> Any:
        if isinstance(data, dict) and "source" in data:
            if "sources" in data:
                raise ValueError("give either source or sources, not both")
            data = {**data, "sources": [data["source"]]}
            del data["source"]
        return data

    def made_sources(self) -> list[Source]:
        """The sources, ready to read.

        Raises:
            FaceLLMError: an unknown source or option, a value of the wrong type.
        """
        return [
            _make(load_source(_name(part, f"sources.{n}")), part, self.seed, f"sources.{n}")
            for n, part in enumerate(self.sources)
        ]

    def made_steps(self) -> list[Step]:
        """The steps, ready to run; errors are those of `made_sources`."""
        return [make_step(part, self.seed, f"steps.{n}") for n, part in enumerate(self.steps)]

    def resolved(self) -> "Recipe":
        """The same with every option of sources and steps filled in, without secrets."""
        sources = [_as_use(*both) for both in zip(self.sources, self.made_sources(), strict=True)]
        steps = [_as_use(*both) for both in zip(self.steps, self.made_steps(), strict=True)]
        return self.model_copy(update={"sources": sources, "steps": steps})


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; arguments and errors are those of `facellm.core.recipe.load`."""
    return load(Recipe, path, overrides)


def make_step(part: Use, seed: int, where: str = "step") -> Step:
    """The step of a recipe's entry; `where` opens the message of an error."""
    return _make(load_step(_name(part, where)), part, seed, where)


Made = TypeVar("Made", bound=BaseModel)


def _make(kind: type[Made], part: Use, seed: int, where: str) -> Made:
    options = {key: value for key, value in part.items() if key != "use"}
    if "seed" in kind.model_fields:
        options.setdefault("seed", seed)
    unknown = set(options) - set(kind.model_fields)
    if unknown:
        raise FaceLLMError(f"{where} ({part['use']}): {no_option(min(unknown), kind.model_fields)}")
    return check(kind, options, f"{where} ({part['use']})")


def _name(part: Use, where: str) -> str:
    name = part.get("use")
    if not isinstance(name, str):
        raise FaceLLMError(f"{where} is {given(part)}; expected use: NAME and options")
    return name


def _as_use(part: Use, made: BaseModel) -> Use:
    return {"use": part["use"], **made.model_dump(mode="json")}
