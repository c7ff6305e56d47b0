"""Predictions that another tool wrote: csv, jsonl or parquet, through a column and label map.

kind: stored
path: deepface.csv
id: img_path                      # matched with the sample's image path, file name, stem or id
columns: {emotion: dominant_emotion}
labels: {angry: anger, happy: happiness, sad: sadness}

path: openface.csv
columns: {units: "AU{:02d}_r"}    # OpenFace intensities 0-5
path: fex.csv
columns: {units: "AU{:02d}"}      # py-feat probabilities 0-1
unit_scale: 5                     # what turns the column's numbers into intensities 0-5
"""

import json
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from eval.question import Answer, Question
from facellm.core.emotions import ALIASES
from facellm.core.errors import FaceLLMError, given
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY
from facellm.core.grammar import render_answer
from facellm.core.recipe import Part


class Columns(Part):
    """Which columns hold what; give the one that fits the task."""

    text: str | None = None
    """The raw answer of a chat model."""
    emotion: str | None = None
    units: str | None = None
    """Format of the column of a unit, such as `AU{:02d}_r`; units without a column are unsaid."""
    face: str | None = None
    """Number of the face from 1 at the left; without it every row is about face 1."""


class Stored(Part):
    """A table of predictions, one row a face."""

    kind: Literal["stored"] = "stored"
    path: Path
    id: str = "id"
    """Column that names the picture."""
    columns: Columns = Columns(text="text")
    labels: dict[str, str] = {}  # noqa: RUF012  (pydantic copies defaults)
    """The tool's label → canonical emotion; aliases such as `happy` need no entry."""
    unit_scale: float = 1.0
    label: str | None = None
    """How results call it; None is the file's name."""

    @property
    def name(self) -> str:
        """How results call it."""
        return self.label or self.path.stem

    async def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """See `eval.models.base.Model`; a face without a row is an answer with an error.

        Ask all questions of a benchmark at once, or the check for a wrong table fails.

        Raises:
            FaceLLMError: an unreadable table, a missing column, a label that is no emotion, two
                rows about one face, or rows about faces that the benchmark does not ask about.
        """
        keys = _keyed(questions)
        found: dict[int, tuple[int, dict[str, Any]]] = {}
        extra = 0
        for number, row in self._rows():
            places = self._places(row, keys)
            extra += not places
            for place in places:
                if place in found:
                    raise FaceLLMError(
                        f"{self.path}: rows {found[place][0]} and {number} are both about "
                        f"{given(row[self.id])}; expected one row a face"
                    )
                found[place] = number, row
        if not found and not all(question.corruption for question in questions):
            raise FaceLLMError(
                f"{self.path}: none of its {extra} rows is about a picture of the benchmark; "
                f"column {self.id!r} must hold sample ids or image paths such as "
                f"{given(questions[0].sample.image)}"
            )
        for n, question in enumerate(questions):
            if n not in found:
                yield Answer(id=question.id, text=None, error=self._lacking(question))
                continue
            number, row = found[n]
            yield Answer(id=question.id, text=self._text(number, row))

    def _lacking(self, question: Question) -> str:
        if question.corruption:
            return f"{self.path.name} is about the pictures as stored, not {question.corruption}"
        return f"{self.path.name} has no row for it"

    def extra_rows(self, questions: Sequence[Question]) -> list[int]:
        """Numbers of the rows that no question asks about; the report counts them."""
        keys = _keyed(questions)
        return [number for number, row in self._rows() if not self._places(row, keys)]

    def _places(self, row: dict[str, Any], keys: dict[tuple[str, int], list[int]]) -> list[int]:
        face = int(row[self.columns.face]) if self.columns.face else 1
        name = str(row[self.id])
        for form in (name, Path(name).name, Path(name).stem):
            if (form, face) in keys:
                return keys[form, face]
        return []

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        table = _read(self.path)
        wanted = [self.id, self.columns.text, self.columns.emotion, self.columns.face]
        for number, row in enumerate(table, 2 if self.path.suffix == ".csv" else 1):
            missing = [column for column in wanted if column is not None and column not in row]
            if missing:
                raise FaceLLMError(
                    f"{self.path}:{number} has no column {missing[0]!r}; "
                    f"its columns are {', '.join(map(str, row))}"
                )
            yield number, row

    def _text(self, number: int, row: dict[str, Any]) -> str:
        if self.columns.emotion is not None:
            raw = str(row[self.columns.emotion]).strip()
            noun = ALIASES.get(self.labels.get(raw, raw).lower())
            if noun is None:
                raise FaceLLMError(
                    f"{self.path}:{number}: {given(raw)} is no known emotion; "
                    "map it in labels: {<the tool's word>: <emotion>}"
                )
            return render_answer({"emotion": noun})
        if self.columns.units is not None:
            return render_answer(self._units(number, row))
        return str(row[self.columns.text])

    def _units(self, number: int, row: dict[str, Any]) -> dict[str, object]:
        assert self.columns.units is not None, "the caller looked"
        units: dict[str, object] = {}
        for unit in ACTION_UNITS:
            value = row.get(self.columns.units.format(unit))
            if value in (None, "") or math.isnan(float(value)):
                continue
            units[f"AU{unit}"] = min(MAX_INTENSITY, max(0.0, float(value) * self.unit_scale))
        if not units:
            raise FaceLLMError(
                f"{self.path}:{number} has no column like {self.columns.units.format(12)!r}; "
                f"its columns are {', '.join(map(str, row))}"
            )
        return units


def _keyed(questions: Sequence[Question]) -> dict[tuple[str, int], list[int]]:
    """Every unambiguous name of a picture, with the face → indices of the questions about it.

    In whatever words a face is asked about, its row is the same; a row about the stored picture
    says nothing about a spoilt or mirrored one.
    """
    keys: dict[tuple[str, int], list[int]] = {}
    meant: dict[tuple[str, int], set[str]] = {}
    for n, question in enumerate(questions):
        if question.corruption:
            continue
        path = Path(question.sample.image)
        for name in {question.sample.id, question.sample.image, path.name, path.stem}:
            key = name, question.face
            keys.setdefault(key, []).append(n)
            meant.setdefault(key, set()).add(question.about)
    return {key: places for key, places in keys.items() if len(meant[key]) == 1}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise FaceLLMError(f"no predictions {given(path)}; expected a csv, jsonl or parquet file")
    if path.suffix in (".jsonl", ".json"):
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise FaceLLMError(f"{path}:{number} is not JSON: {error}") from None
        return rows
    import pandas

    try:
        table = pandas.read_parquet(path) if path.suffix == ".parquet" else _csv(path)
    except (ValueError, OSError) as error:
        raise FaceLLMError(f"cannot read {given(path)}: {error}") from None
    return list(table.to_dict("records"))


def _csv(path: Path) -> Any:
    import pandas

    table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    table.columns = [str(column).strip() for column in table.columns]  # OpenFace pads its names
    return table
