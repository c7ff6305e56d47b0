"""Train the baselines of a recipe and write what they say of each face as a table.

python -m eval.baselines RECIPE [key=value …]
"""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from eval.baselines.blendshapes import Blendshapes
from eval.baselines.faces import FaceRow, faces_of
from eval.baselines.network import Network
from eval.benchmark import Benchmark
from eval.models.stored import Columns, Stored
from eval.question import Answer, Question
from eval.score import Result, score_answers, summarise
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part, load
from facellm.core.splits import Split

AnyBaseline = Annotated[Network | Blendshapes, Field(discriminator="kind")]


class BaselineRecipe(Part):
    """Baselines of one corpus."""

    output_dir: Path
    corpus: Path
    """Folder with `samples.jsonl`."""
    train: list[Split] = ["train"]  # noqa: RUF012  (pydantic copies defaults)
    """Splits to learn from."""
    predict: list[Split] = ["val", "test"]  # noqa: RUF012
    """Splits to predict; none of them may be learnt from."""
    baselines: dict[str, AnyBaseline] = Field(min_length=1)


def run(recipe_path: Path, overrides: Sequence[str] = ()) -> dict[str, list[Result]]:
    """Train, predict, score every split with the expression task's own metrics.

    Returns:
        Baseline → one result a split. The tables are `<output_dir>/<baseline>.csv`.

    Raises:
        FaceLLMError: a mistake in the recipe or its corpus.
    """
    recipe = load(BaselineRecipe, recipe_path, overrides)
    both = sorted(set(recipe.train) & set(recipe.predict))
    if both:
        raise FaceLLMError(
            f"recipe {given(recipe_path)}: split {both[0]!r} is in train and in predict; "
            "a baseline's number on faces it learnt from says nothing"
        )
    train = faces_of(recipe.corpus, recipe.train)
    asked = faces_of(recipe.corpus, recipe.predict)
    recipe.output_dir.mkdir(parents=True, exist_ok=True)
    results = {}
    for name, baseline in recipe.baselines.items():
        found = baseline.predict(train, asked, recipe.output_dir)
        path = recipe.output_dir / f"{name}.csv"
        write_table(path, asked, found)
        results[name] = [_result(recipe.corpus, split, name, path) for split in recipe.predict]
        for result in results[name]:
            shown = [f"{key} {result.metrics[key]}" for key in ("accuracy", "macro_f1")]
            print(f"{name} · {result.benchmark}: {'; '.join(shown)}", flush=True)
    return results


def write_table(path: Path, rows: Sequence[FaceRow], found: Sequence[dict[str, float]]) -> None:
    """One row a face: `id, face, emotion`, and the probability of each emotion under its noun."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "face", "emotion", *EMOTIONS])
        for row, likely in zip(rows, found, strict=True):
            best = max(likely, key=lambda name: likely[name])
            values = [f"{likely.get(name, 0.0):.5f}" for name in EMOTIONS]
            writer.writerow([row.sample_id, row.face, best, *values])
    part.replace(path)


def _result(corpus: Path, split: Split, name: str, path: Path) -> Result:
    questions = Benchmark(name=split, task="expression", corpus=corpus, split=split).questions()
    model = Stored(path=path, columns=Columns(emotion="emotion", face="face"))
    answers = asyncio.run(_answers(model, questions))
    scored = score_answers("expression", questions, answers)
    return summarise(name, split, "expression", questions, answers, scored)


async def _answers(model: Stored, questions: Sequence[Question]) -> dict[str, Answer]:
    return {answer.id: answer async for answer in model.answers(questions)}
