"""Ask, keep every answer, read letters, report accuracy by category.

answers/<model>.jsonl (appended; a rerun asks the rest), samples.parquet, results.json, report.md
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from eval.metrics.choice import multiple_choice
from eval.multiple_choice.models import ChoiceEndpoint, ChoiceGuess, ChoicePredictions
from eval.multiple_choice.questions import ChoiceQuestion, Style, read_questions
from eval.question import Answer
from eval.read.choice import read_choice
from eval.store import AnswerStore
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure
from facellm.core.recipe import Part, claim, dump, load
from facellm.core.sample import Record
from facellm.core.statistics import Interval

AnyModel = Annotated[ChoiceEndpoint | ChoicePredictions | ChoiceGuess, Field(discriminator="kind")]
MAJORITY = "majority"


class ChoiceRecipe(Part):
    """One benchmark × models."""

    output_dir: Path
    benchmark: Path
    """Folder with the JSON files."""
    style: Style = "plain"
    categories: tuple[str, ...] | None = None
    """Ask only questions of these categories or sub-categories; None takes all."""
    limit: int | None = Field(default=None, gt=0)
    seed: int = 0
    models: dict[str, AnyModel] = Field(min_length=1)

    def questions(self) -> list[ChoiceQuestion]:
        """The questions, in an order that does not depend on the machine.

        Raises:
            FaceLLMError: what `read_questions` raises, or categories that no question is of.
        """
        asked = read_questions(self.benchmark, self.style)
        if self.categories is not None:
            there = {name for q in asked for name in (q.category, q.sub_category)}
            unknown = sorted(set(self.categories) - there)
            if unknown:
                raise FaceLLMError(
                    f"{self.benchmark} has no category {unknown[0]!r}; "
                    f"it has {', '.join(sorted(there))}"
                )
            asked = [q for q in asked if {q.category, q.sub_category} & set(self.categories)]
        if self.limit is not None and len(asked) > self.limit:
            chosen = set(random.Random(self.seed).sample([q.id for q in asked], self.limit))
            asked = [q for q in asked if q.id in chosen]
        return asked


class ChoiceResult(Record):
    """The numbers of one model."""

    model: str
    asked: int
    answered: int
    unread: int
    """Answers that choose no single option; they count as wrong."""
    failures: dict[str, int]
    metrics: dict[str, Interval]


def run(recipe_path: Path, overrides: Sequence[str] = ()) -> list[ChoiceResult]:
    """Run a recipe, or what is left of it.

    Raises:
        FaceLLMError: a mistake in the recipe or its files, or an endpoint that is gone.
    """
    recipe = load(ChoiceRecipe, recipe_path, overrides)
    questions = recipe.questions()
    claim(recipe.output_dir, dump(recipe))
    (recipe.output_dir / "answers").mkdir(exist_ok=True)
    models: dict[str, Any] = {**recipe.models}
    models.setdefault(MAJORITY, ChoiceGuess(kind="majority"))
    results, rows = [], []
    for name, model in models.items():
        store = AnswerStore(recipe.output_dir / "answers" / f"{name}.jsonl")
        known = {key for key, answer in store.answers.items() if answer.text is not None}
        missing = [question for question in questions if question.id not in known]
        if missing:
            asyncio.run(_ask(model, missing, store))
        letters = read_letters(questions, store.answers)
        results.append(summarise(name, questions, store.answers, letters))
        rows += _rows(name, questions, store.answers, letters)
        print(f"{name}: accuracy {results[-1].metrics['accuracy']}", flush=True)
    _write(recipe.output_dir, questions, results, rows)
    return results


async def _ask(model: Any, questions: list[ChoiceQuestion], store: AnswerStore) -> None:
    async for answer in model.answers(questions):
        store.add(answer)


def read_letters(
    questions: Sequence[ChoiceQuestion], answers: Mapping[str, Answer]
) -> list[str | ParseFailure | None]:
    """The chosen letters; None where no answer came."""
    letters: list[str | ParseFailure | None] = []
    for question in questions:
        answer = answers.get(question.id)
        text = None if answer is None else answer.text
        letters.append(None if text is None else read_choice(text, question.options))
    return letters


def summarise(
    name: str,
    questions: Sequence[ChoiceQuestion],
    answers: Mapping[str, Answer],
    letters: Sequence[str | ParseFailure | None],
) -> ChoiceResult:
    """Numbers over the questions that got an answer; `accuracy/…` by category and sub-category.

    Nobody says whom the pictures show, so intervals take every question for a person of its own.
    """
    reasons: Counter[str] = Counter()
    for question, letter in zip(questions, letters, strict=True):
        if letter is None:
            answer = answers.get(question.id)
            reasons[f"no answer: {answer.error if answer else 'not asked yet'}"] += 1
        elif isinstance(letter, ParseFailure):
            reasons[f"unread: {letter.reason}"] += 1
    known = [(q, x) for q, x in zip(questions, letters, strict=True) if x is not None]
    if not known:
        raise FaceLLMError(f"{name} answered none of the {len(questions)} questions")
    columns = (
        [letter if isinstance(letter, str) else None for _, letter in known],
        [question.gold for question, _ in known],
        [question.options for question, _ in known],
        [question.id for question, _ in known],
    )
    by_part = multiple_choice(*columns, [question.sub_category for question, _ in known])
    metrics = multiple_choice(*columns, [question.category for question, _ in known])
    parts = {key: value for key, value in by_part.items() if key.startswith("accuracy/")}
    return ChoiceResult(
        model=name,
        asked=len(questions),
        answered=len(known),
        unread=sum(isinstance(letter, ParseFailure) for _, letter in known),
        failures=dict(reasons.most_common()),
        metrics={**parts, **metrics},
    )


def _rows(
    name: str,
    questions: Sequence[ChoiceQuestion],
    answers: Mapping[str, Answer],
    letters: Sequence[str | ParseFailure | None],
) -> list[dict[str, Any]]:
    return [
        {
            "model": name,
            "id": question.id,
            "category": question.category,
            "sub_category": question.sub_category,
            "images": [str(path) for path in question.images],
            "question": question.text,
            "target": question.gold,
            "raw": answers[question.id].text if question.id in answers else None,
            "answer": letter if isinstance(letter, str) else None,
            "explanation": letter.reason if isinstance(letter, ParseFailure) else "",
            "value": None if letter is None else float(letter == question.gold),
        }
        for question, letter in zip(questions, letters, strict=True)
    ]


def _write(
    folder: Path,
    questions: Sequence[ChoiceQuestion],
    results: Sequence[ChoiceResult],
    rows: list[dict[str, Any]],
) -> None:
    import pyarrow
    import pyarrow.parquet

    summary = {
        "complete": all(result.answered == result.asked for result in results),
        "doubtful_questions": [question.id for question in questions if question.doubtful],
        "results": [result.model_dump(mode="json") for result in results],
    }
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "samples.parquet")
    text = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
    (folder / "results.json").write_text(text, encoding="utf-8")
    (folder / "report.md").write_text(report(questions, results), encoding="utf-8")


def report(questions: Sequence[ChoiceQuestion], results: Sequence[ChoiceResult]) -> str:
    """The table of all models, numbers with 95 % intervals and n."""
    names = list(dict.fromkeys(key for result in results for key in result.metrics))
    names.sort(key=lambda key: ("/" in key, key))
    lines = ["# Multiple choice", "", "| | " + " | ".join(r.model for r in results) + " |"]
    lines.append("|---" * (len(results) + 1) + "|")
    for key in names:
        cells = [str(r.metrics[key]) if key in r.metrics else "–" for r in results]
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    lines.append("")
    for result in results:
        if result.answered < result.asked:
            lines.append(
                f"**Partial**: {result.model} answered {result.answered} of {result.asked}; "
                "its numbers are over those."
            )
        for reason, count in list(result.failures.items())[:5]:
            lines.append(f"- {result.model}: {count} × {reason}")
    doubtful = sum(question.doubtful for question in questions)
    if doubtful:
        lines.append(f"- {doubtful} questions name one option by letter, another by text.")
    return "\n".join(lines) + "\n"
