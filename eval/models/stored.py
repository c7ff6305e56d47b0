"""Predictions that another tool wrote, through a column and label map; see `recipes/peers.yaml`.

kind: stored
path: deepface.csv
id: img_path                      # matched with the sample's image path, file name, stem or id
columns: {emotion: dominant_emotion, emotions: "emotion.{}", box: [region.x, region.y, …]}
labels: {angry: anger, happy: happiness, sad: sadness}

path: openface_out                # a folder: one csv a picture, its name is the column `file`
id: file
columns: {units: "AU{:02d}_r"}    # OpenFace intensities 0-5
path: fex.csv
columns: {units: "AU{:02d}"}      # py-feat probabilities 0-1
unit_scale: 4                     # what turns the column's numbers into intensities 0-5
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import model_validator

from eval.models.table import Row, number, read_table
from eval.question import Answer, Question
from facellm.core.emotions import ALIASES
from facellm.core.errors import FaceLLMError, given
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY
from facellm.core.grammar import render_answer
from facellm.core.recipe import Part
from facellm.core.sample import Sample
from facellm.faces.crop import overlap

SAME = 0.3
"""Least overlap of a row's box with a face of the sample to be about it."""


class Columns(Part):
    """Which columns hold what; give the one that fits the task."""

    text: str | None = None
    """The raw answer of a chat model."""
    emotion: str | None = None
    emotions: str | None = None
    """Format of the columns of the emotions' scores, such as `emotion.{}`: probabilities, and
    without `emotion` also the answer. Words are those of `labels` and the usual ones."""
    units: str | None = None
    """Format of the column of a unit, such as `AU{:02d}_r`; units without a column are unsaid."""
    face: str | None = None
    """Number of the face from 1 at the left; without it every row is about face 1."""
    box: tuple[str, str, str, str] | None = None
    """Left, top, width and height of the face in pixels: rows are matched by their place."""
    found: str | None = None
    """Is 0 or false where the tool found no face; such rows are no answer."""

    @model_validator(mode="after")
    def _named(self) -> "Columns":
        if not (self.text or self.emotion or self.emotions or self.units):
            raise ValueError("name the column of the answer: text, emotion, emotions or units")
        return self


class Stored(Part):
    """A table of predictions, one row a face."""

    kind: Literal["stored"] = "stored"
    path: Path
    id: str = "id"
    """Column that names the picture."""
    columns: Columns = Columns(text="text")
    labels: dict[str, str | None] = {}  # noqa: RUF012  (pydantic copies defaults)
    """The tool's label → canonical emotion; aliases such as `happy` need no entry. A label of null
    is an answer that is none of the eight and counts as unread."""
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
        found, extra = self._matched(questions)
        if not found and not all(question.corruption for question in questions):
            if not extra:
                raise FaceLLMError(f"{self.path} holds no predictions; expected one row a face")
            raise FaceLLMError(
                f"{self.path}: none of its {len(extra)} rows is about a picture of the benchmark; "
                f"column {self.id!r} must hold sample ids or image paths such as "
                f"{given(questions[0].sample.image)}"
            )
        for n, question in enumerate(questions):
            if n in found:
                yield self._answer(question, found[n])
            else:
                yield Answer(id=question.id, text=None, error=self._lacking(question))

    def _lacking(self, question: Question) -> str:
        if question.corruption:
            return f"{self.path.name} is about the pictures as stored, not {question.corruption}"
        return f"{self.path.name} has no row for it"

    def extra_rows(self, questions: Sequence[Question]) -> list[int]:
        """Numbers of the rows that no question asks about; the report counts them."""
        return self._matched(questions)[1]

    def _matched(self, questions: Sequence[Question]) -> tuple[dict[int, Row], list[int]]:
        """Index of the question → its row, and the numbers of the rows left over."""
        asked = _asked(questions)
        found: dict[int, tuple[float, Row]] = {}
        extra = []
        for row in self._rows():
            places, fit = self._places(row, asked)
            used = False
            for place in places:
                known = found.get(place)
                if known is not None and self.columns.box is None:
                    raise FaceLLMError(
                        f"{self.path}: rows {known[1].number} and {row.number} are both about "
                        f"{given(row.cells[self.id])}; expected one row a face, or name the "
                        "columns of the face's box"
                    )
                if known is None or fit > known[0]:
                    found[place] = fit, row
                    used = True
                    if known is not None and known[1].number not in extra:
                        extra.append(known[1].number)
            if not used:
                extra.append(row.number)
        return {place: row for place, (_, row) in found.items()}, extra

    def _places(self, row: Row, asked: "_Asked") -> tuple[list[int], float]:
        """The questions a row answers, and how well its box fits the face (1 without boxes)."""
        name = str(row.cells[self.id])
        forms = (name, Path(name).name, Path(name).stem)
        if self.columns.box is None:
            column = self.columns.face
            face = 1 if column is None else int(self._number(row, column) or 0)
            key = next(((form, face) for form in forms if (form, face) in asked.places), None)
            return ([], 0.0) if key is None else (asked.places[key], 1.0)
        form = next((form for form in forms if form in asked.samples), None)
        if form is None:
            return [], 0.0
        face, fit = self._nearest(row, self.columns.box, asked.samples[form])
        return asked.places.get((form, face), []), fit

    def _nearest(self, row: Row, columns: tuple[str, ...], sample: Sample) -> tuple[int, float]:
        """The face under the row's box and their overlap; 0 for none of them."""
        values = [self._number(row, column) for column in columns]
        if None in values:  # the tool found nothing, which is about the only face there is
            return (1 if len(sample.faces) == 1 else 0), 0.0
        x, y, width, height = (value for value in values if value is not None)
        box = (x, y, x + width, y + height)
        fits = [overlap(box, face.box) for face in sample.faces]
        best = max(range(len(fits)), key=lambda n: fits[n], default=-1)
        return (best + 1, fits[best]) if best >= 0 and fits[best] > SAME else (0, 0.0)

    def _rows(self) -> Iterator[Row]:
        c = self.columns
        named = (self.id, c.text, c.emotion, c.face, c.found, *(c.box or ()))
        wanted = [column for column in named if column is not None]
        for row in read_table(self.path):
            missing = [
                column for column in wanted if column is not None and column not in row.cells
            ]
            if missing:
                raise FaceLLMError(
                    f"{row.where} has no column {missing[0]!r}; "
                    f"its columns are {', '.join(map(str, row.cells))}"
                )
            yield row

    def _answer(self, question: Question, row: Row) -> Answer:
        likely = self._probabilities(row)
        text = self._text(row, likely)
        if text is None:
            error = f"{self.path.name} says that no face was found"
            return Answer(id=question.id, text=None, error=error)
        return Answer(id=question.id, text=text, probabilities=likely)

    def _text(self, row: Row, likely: dict[str, float] | None) -> str | None:
        """The answer in the grammar, or as it stands; None where the tool found no face."""
        c = self.columns
        if c.found is not None and str(row.cells[c.found]).strip().lower() in _NOT_FOUND:
            return None
        if c.emotion is not None:
            return self._named(row, str(row.cells[c.emotion]).strip())
        if c.emotions is not None:
            best = max(likely, key=lambda name: likely[name]) if likely else None
            return None if best is None else render_answer({"emotion": best})
        if c.units is not None:
            return self._units(row, c.units)
        assert c.text is not None, "one of the columns is named"
        return str(row.cells[c.text])

    def _named(self, row: Row, raw: str) -> str | None:
        if not raw or raw.lower() == "nan":
            return None
        mapped = self.labels.get(raw, raw)
        if mapped is None:
            return raw
        noun = ALIASES.get(mapped.lower())
        if noun is None:
            raise FaceLLMError(
                f"{row.where}: {given(raw)} is no known emotion; "
                "map it in labels: {<the tool's word>: <emotion>}, or to null for none of them"
            )
        return render_answer({"emotion": noun})

    def _probabilities(self, row: Row) -> dict[str, float] | None:
        """Scores of the emotions, scaled to a sum of 1; None where there are none."""
        if self.columns.emotions is None:
            return None
        words = {**ALIASES, **{k.lower(): v for k, v in self.labels.items() if v is not None}}
        columns = {column.lower(): column for column in row.cells}
        known: dict[str, float] = {}
        seen: dict[str, str] = {}
        for word, target in words.items():
            column = columns.get(self.columns.emotions.format(word).lower())
            noun = ALIASES.get(target.lower())
            if column is None or noun is None:
                continue
            if noun in seen:
                raise FaceLLMError(
                    f"{row.where}: columns {seen[noun]!r} and {column!r} are both about {noun}"
                )
            seen[noun] = column
            value = self._number(row, column)
            if value is not None:
                known[noun] = max(0.0, value)
        if not seen:
            raise self._no_column(row, self.columns.emotions.format("happy"))
        total = sum(known.values())
        return {noun: value / total for noun, value in known.items()} if total else None

    def _units(self, row: Row, form: str) -> str | None:
        columns = {unit: form.format(unit) for unit in ACTION_UNITS}
        there = {unit: column for unit, column in columns.items() if column in row.cells}
        if not there:
            raise self._no_column(row, form.format(12))
        units: dict[str, object] = {}
        for unit, column in there.items():
            value = self._number(row, column)
            if value is not None:
                units[f"AU{unit}"] = min(MAX_INTENSITY, max(0.0, value * self.unit_scale))
        return render_answer(units) if units else None

    def _no_column(self, row: Row, example: str) -> FaceLLMError:
        return FaceLLMError(
            f"{row.where} has no column like {example!r}; "
            f"its columns are {', '.join(map(str, row.cells))}"
        )

    def _number(self, row: Row, column: str) -> float | None:
        try:
            return number(row.cells[column])
        except (TypeError, ValueError):
            raise FaceLLMError(
                f"{row.where}: {given(row.cells[column])} in column {column!r} is no number"
            ) from None


_NOT_FOUND = frozenset({"", "0", "0.0", "false", "no", "nan", "none"})


class _Asked(NamedTuple):
    places: dict[tuple[str, int], list[int]]
    """Unambiguous name of a picture, with the face → indices of the questions about it."""
    samples: dict[str, Sample]
    """Unambiguous name → its sample."""


def _asked(questions: Sequence[Question]) -> _Asked:
    """What may be in a table.

    In whatever words a face is asked about, its row is the same; a row about the stored picture
    says nothing about a spoilt or mirrored one.
    """
    places: dict[tuple[str, int], list[int]] = {}
    samples: dict[str, Sample] = {}
    shared: set[str] = set()
    for n, question in enumerate(questions):
        if question.corruption:
            continue
        sample = question.sample
        path = Path(sample.image)
        for name in {sample.id, sample.image, path.name, path.stem}:
            places.setdefault((name, question.face), []).append(n)
            if samples.setdefault(name, sample).id != sample.id:
                shared.add(name)
    return _Asked(
        {key: found for key, found in places.items() if key[0] not in shared},
        {name: sample for name, sample in samples.items() if name not in shared},
    )
