"""The recipe of an evaluation: which benchmarks, which models."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from eval.benchmark import Benchmark
from eval.corruptions import parse
from eval.models.endpoint import Endpoint
from eval.models.guess import Guess
from eval.models.in_process import InProcess
from eval.models.stored import Stored
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
    benchmarks: list[Benchmark] = Field(min_length=1)
    models: dict[str, AnyModel] = Field(min_length=1)
    """Name in the report → model; the first is the one the report is about."""
    limit: int | None = Field(default=None, gt=0)
    """At most so many questions of each benchmark."""
    guesses: bool = True
    """Put the rows `majority` and `shuffled` under every benchmark."""
    robustness: list[Robustness] = Field(default_factory=list)
    """Severity curves, drawn in the report."""

    @model_validator(mode="after")
    def _names_differ(self) -> "Recipe":
        names = [benchmark.name for benchmark in self.benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two benchmarks are called {twice[0]!r}; give each its own name")
        for curve in self.robustness:
            if curve.benchmark not in names:
                raise ValueError(
                    f"robustness names no benchmark {curve.benchmark!r}; there are {names}"
                )
            for kind in curve.kinds:
                for severity in curve.severities:
                    parse(f"{kind}:{severity}")
        return self

    def expanded(self) -> list[Benchmark]:
        """The benchmarks, those about spoilt pictures behind them."""
        named = {benchmark.name: benchmark for benchmark in self.benchmarks}
        spoilt = [
            named[curve.benchmark].model_copy(
                update={
                    "name": f"{curve.benchmark}-{kind}-{severity}",
                    "corruption": f"{kind}:{severity}",
                    "variants": 1,
                    "mirrored": False,
                }
            )
            for curve in self.robustness
            for kind in curve.kinds
            for severity in curve.severities
        ]
        return [*self.benchmarks, *spoilt]
