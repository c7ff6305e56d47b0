"""The reader against answers in many models' styles; expectations were written before it."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.read.age import read_age
from eval.read.choice import read_choice
from eval.read.expression import read_expression
from eval.read.units import read_intensities, read_unit_list
from eval.read.valence_arousal import read_valence_arousal
from eval.read.yes_no import read_yes_no
from facellm.core.emotions import EMOTIONS
from facellm.core.grammar import ParseFailure

FOLDER = Path(__file__).parent / "torture"
LEAST = 0.99
READERS = {
    "expression": lambda row: read_expression(row["text"], row.get("labels", EMOTIONS)),
    "yes_no": lambda row: read_yes_no(row["text"]),
    "choice": lambda row: read_choice(row["text"], row["options"]),
    "units": lambda row: read_unit_list(row["text"]),
    "intensities": lambda row: read_intensities(row["text"]),
    "valence_arousal": lambda row: read_valence_arousal(row["text"]),
    "age": lambda row: read_age(row["text"]),
}


def plain(value: Any) -> Any:
    """The answer as the torture files write it; None for a failure."""
    if isinstance(value, ParseFailure):
        return None
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if hasattr(value, "_asdict"):
        return value._asdict()
    return list(value) if isinstance(value, tuple) else value


def cases(kind: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def mistakes(kind: str) -> list[str]:
    wrong = []
    for row in cases(kind):
        got = plain(READERS[kind](row))
        if got != row["expect"]:
            wrong.append(f"{row['text']!r}: got {got!r}, expected {row['expect']!r}")
    return wrong


@pytest.mark.parametrize("kind", READERS)
def test_at_least_99_percent_are_read_as_expected(kind):
    wrong = mistakes(kind)
    assert len(wrong) <= (1 - LEAST) * len(cases(kind)), "\n".join(wrong)


@pytest.mark.parametrize("kind", READERS)
def test_nothing_is_read_that_is_not_there(kind):
    guessed = [line for line in mistakes(kind) if "got None" not in line]
    assert not guessed, "\n".join(guessed)


def test_there_are_enough_cases():
    assert sum(len(cases(kind)) for kind in READERS) >= 300
