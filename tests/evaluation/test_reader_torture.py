"""The reader against answers in many models' styles; expectations were written before it.

Rows without a `set` and those of `development` were used to build the reader. The other sets were
written before they were run, and mended for afterwards. At first sight it read of them

    set                  n    right   abstained   wrong guesses
    fresh                287  83 %                 8 %   by a reader that looked for rivals
    last                 100  81 %                10 %
    fresh2               162  76 %     4 %        20 %
    fresh2 held out       78  91 %     8 %         1 %   by the reader that understands every word
    last2                 50  82 %    14 %         4 %
    last3                 36  97 %     3 %         0 %   (not mended for)
    last4                201  82 %    17 %         1.5 % (of its three wrong guesses, two are right
                                                          by what older sets expect)
    last5                130  92 %     8 %         0 %   by the reader mended for last4
    last6                 80  86 %     6 %         7.5 % (traps, in the places mended for last5;
                                                          one expectation changed)

and the reader before the last change of approach read of last2 76 % right with 20 % wrong guesses,
of last3 83 % with 17 %. All but last4 to last6 are by one author, who knew how the reader works;
last4 is by another who had not seen its words. Five expectations of last4 were changed afterwards,
because older sets expect otherwise of the same form of answer.
Expect such figures, not the level asserted here, on a style that no set has. An abstention is an
answer that a person reads and the reader does not; a wrong guess is the worst it can do.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.foreign import read_foreign
from eval.read.age import read_age
from eval.read.choice import read_choice
from eval.read.expression import read_expression
from eval.read.units import read_intensities, read_unit_list
from eval.read.valence_arousal import read_valence_arousal
from eval.read.yes_no import read_yes_no
from facellm.core.emotions import EMOTIONS
from facellm.core.grammar import ParseFailure
from facellm.core.sample import Record
from facellm.tasks.reasoning import ReasoningAnswer
from facellm.tasks.response import Unanswerable

FOLDER = Path(__file__).parent / "torture"
SEVERAL_KINDS = ("fresh2", "last2", "last3", "last4", "last5", "last6")
"""Files whose rows name their kind."""
LEAST = {
    "tuned": 0.997, "development": 0.989, "fresh": 0.986, "last": 0.98,
    "fresh2 development": 0.976, "fresh2 held out": 0.948, "last2": 0.92,
    "last3": 0.972, "last4": 0.984, "last5": 0.992, "last6": 0.97,
}  # fmt: skip
"""Share of each set that has to be read as expected."""
GUESSED: set[str] = set()
"""The known wrong guesses: none."""
READERS = {
    "expression": lambda row: read_expression(row["text"], row.get("labels", EMOTIONS)),
    "yes_no": lambda row: read_yes_no(row["text"]),
    "choice": lambda row: read_choice(row["text"], row["options"]),
    "units": lambda row: read_unit_list(row["text"]),
    "intensities": lambda row: read_intensities(row["text"]),
    "valence_arousal": lambda row: read_valence_arousal(row["text"]),
    "age": lambda row: read_age(row["text"]),
    "foreign": lambda row: read_foreign(row["task"], row["text"]),
}


def plain(value: Any) -> Any:
    """The answer as the torture files write it; None for a failure."""
    if isinstance(value, ParseFailure):
        return None
    if isinstance(value, Unanswerable):
        return "no face"
    if isinstance(value, ReasoningAnswer):
        units = value.thought.units if value.thought else {}
        return f"{value.emotion}:{','.join(map(str, sorted(units)))}"
    if isinstance(value, Record):
        return json.loads(value.model_dump_json(exclude_none=True))
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if hasattr(value, "_asdict"):
        return value._asdict()
    return list(value) if isinstance(value, tuple) else value


def cases(file: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def wrongly_read(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Any]]:
    """The rows that are not read as expected, with what was read; None for a failure."""
    read = ((row, plain(READERS[row["kind"]](row))) for row in rows)
    return [(row, got) for row, got in read if got != row["expect"]]


def rows_of(name: str) -> list[dict[str, Any]]:
    rows = [{"kind": file, **row} for file in (*READERS, *SEVERAL_KINDS) for row in cases(file)]
    return [row for row in rows if row.get("set", "tuned") == name]


@pytest.mark.parametrize("name", LEAST)
def test_nearly_all_of_a_set_is_read_as_expected(name):
    rows = rows_of(name)
    wrong = wrongly_read(rows)
    lines = [f"{row['text']!r}: got {got!r}, expected {row['expect']!r}" for row, got in wrong]
    assert len(rows) - len(wrong) >= LEAST[name] * len(rows), "\n".join(lines)


@pytest.mark.parametrize("name", LEAST)
def test_nothing_is_read_that_is_not_there(name):
    guessed = {row["text"] for row, got in wrongly_read(rows_of(name)) if got is not None}
    assert guessed <= GUESSED


ADVERSARIAL = {
    "condition": "{} if the light were better.",
    "report": "My colleague said it was {}.",
    "comparison": "It is more {} than the last one.",
    "memory": "It used to be {}.",
    "other subject": "The poster on the wall says {}.",
}


@pytest.mark.parametrize("frame", ADVERSARIAL)
@pytest.mark.parametrize("kind", ["expression", "choice", "yes_no", "age"])
def test_an_answer_in_a_frame_that_asserts_nothing_is_unread(kind, frame):
    answers = {"expression": "anger", "choice": "option B", "yes_no": "yes", "age": "30 years old"}
    row = {"text": ADVERSARIAL[frame].format(answers[kind]), "options": {"A": "Fear", "B": "Joy"}}
    assert plain(READERS[kind](row)) is None


@pytest.mark.parametrize("kind", sorted(set(READERS) - {"foreign"}))
def test_at_least_99_percent_of_every_kind_are_read_as_expected(kind):
    rows = [{"kind": kind, **row} for row in cases(kind)]
    assert len(wrongly_read(rows)) <= 0.01 * len(rows)


def test_at_least_99_percent_of_all_sets_together_are_read_as_expected():
    rows = [row for name in LEAST for row in rows_of(name)]
    assert len(rows) >= 2300 and len(wrongly_read(rows)) <= 0.01 * len(rows)


def test_there_are_enough_cases():
    counts = {name: len(rows_of(name)) for name in LEAST}
    assert counts["tuned"] >= 1000
    assert counts["development"] >= 150 and counts["fresh"] >= 150
