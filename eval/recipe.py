"""The recipe of an evaluation: which benchmarks, which models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from eval.benchmark import Benchmark
from eval.corruptions import parse
from eval.models.endpoint import Endpoint
from eval.models.guess import Guess
from eval.models.in_process import InProcess
from eval.models.stored import Stored
from eval.occlusion import TASKS as STATE_UNITS
from facellm.core.recipe import Part

AnyModel = Annotated[InProcess | Endpoint | Stored | Guess, Field(discriminator="kind")]


class Robustness(Part):
    """Ask a benchmark again about spoilt pictures."""

    benchmark: str
    kinds: list[str] = Field(min_length=1)
    """Kinds of `eval.corruptions`."""
    severities: list[int] = [1, 3, 5]  # noqa: RUF012  (pydantic copies defaults)


class Recipe(Part):
    """Benchmarks × models."""

    output_dir: Path
    title: str = "Evaluation"
    """Of the report."""
    note: str = ""
    """Said under the title: which data, which commands made the predictions."""
    benchmarks: list[Benchmark] = Field(min_length=1)
    models: dict[str, AnyModel] = Field(min_length=1)
    """Name in the report → model; the first is the one the report is about."""
    limit: int | None = Field(default=None, gt=0)
    """At most so many questions of each benchmark."""
    only: dict[str, list[str]] = Field(default_factory=dict)
    """Model → the benchmarks it is asked; models that are not named are asked all."""
    occluded: int = Field(default=24, gt=0)
    """Faces of a benchmark with `grounding: occlusion` whose parts are hidden one by one; each
    costs `eval.occlusion.GRID`² questions."""
    guesses: bool = True
    """Put the rows `majority` and `shuffled` under every benchmark."""
    robustness: list[Robustness] = Field(default_factory=list)
    """Severity curves, drawn in the report."""

    @model_validator(mode="after")
    def _names_are_known(self) -> "Recipe":
        names = [benchmark.name for benchmark in self.benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two benchmarks are called {twice[0]!r}; give each its own name")
        for model, asked in self.only.items():
            if model not in self.models:
                raise ValueError(f"only names no model {model!r}; there are {list(self.models)}")
            for name in asked:
                if name not in names:
                    raise ValueError(f"only names no benchmark {name!r}; there are {names}")
        for curve in self.robustness:
            if curve.benchmark not in names:
                raise ValueError(
                    f"robustness names no benchmark {curve.benchmark!r}; there are {names}"
                )
        return self

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        for _, _, kind, severity in self._spoilt():
            parse(f"{kind}:{severity}")
        for benchmark in self.benchmarks:
            if benchmark.grounding == "occlusion" and benchmark.task not in STATE_UNITS:
                raise ValueError(
                    f"benchmark {benchmark.name}: grounding: occlusion needs answers that state "
                    f"units, of task {' or '.join(STATE_UNITS)}"
                )
        return self

    def asks(self, model: str, benchmark: str) -> bool:
        """Whether the model is asked a benchmark, by both their names.

        A model that is asked a benchmark is asked it about spoilt pictures too.
        """
        whole = {name: curve for name, curve, _, _ in self._spoilt()}
        return whole.get(benchmark, benchmark) in self.only.get(
            model, [b.name for b in self.benchmarks]
        )

    def expanded(self) -> list[Benchmark]:
        """The benchmarks, those about spoilt pictures behind them."""
        named = {benchmark.name: benchmark for benchmark in self.benchmarks}
        spoilt = [
            named[whole].model_copy(
                update={
                    "name": name,
                    "corruption": f"{kind}:{severity}",
                    "variants": 1,
                    "mirrored": False,
                    "grounding": False,
                }
            )
            for name, whole, kind, severity in self._spoilt()
        ]
        return [*self.benchmarks, *spoilt]

    def _spoilt(self) -> Iterator[tuple[str, str, str, int]]:
        """Name of a benchmark about spoilt pictures, of that about whole ones, kind, severity."""
        for curve in self.robustness:
            for kind in curve.kinds:
                for severity in curve.severities:
                    name = f"{curve.benchmark}-{kind}-{severity}"
                    yield name, curve.benchmark, kind, severity
