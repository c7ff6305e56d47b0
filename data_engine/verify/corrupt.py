"""Texts with known errors, to measure the verification on: seeded, each with one corruption.

Correct thoughts about random labels are damaged before they are put into words, so that a
corrupted text is as fluent as a correct one. Three forms: the task register, prose with citations,
and the same prose without them. Prose by other hands is read from a file.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from facellm.core.emotions import EMOTIONS, OFTEN_WITH, PROTOTYPES
from facellm.core.errors import FaceLLMError
from facellm.core.evidence import Statement, Thought, conclude, state
from facellm.core.facs import EXCLUSIVE
from facellm.core.grammar import CITATION, render_response
from facellm.core.prose import render_prose
from facellm.core.sample import FaceLabels
from facellm.tasks.reasoning import telling_absences
from facellm.tasks.units import RIG_UNITS, whole

Form = Literal["task", "prose", "uncited", "free"]
KINDS = ("clean", "wrong_unit", "wrong_side", "wrong_intensity", "negation", "wrong_emotion",
         "unrelated")  # fmt: skip
UNSEEN_WITHOUT_CITATIONS = frozenset(("wrong_side", "wrong_intensity"))
"""Corruptions that live in the citation and go with it."""
UNRELATED = (
    "The committee met on Tuesday to discuss the budget for the new library and postponed it.",
    "Add the flour slowly, stir until smooth, then let the dough rest for an hour in a warm place.",
    "The train leaves at nine and reaches the coast shortly before noon, weather permitting.",
    "A sailing boat crosses the bay while gulls circle over the harbour wall.",
    "This model supports up to four displays and charges over a single cable.",
    "The castle was built in the twelfth century and rebuilt twice after fires.",
    "Interest rates rose again last quarter, which slowed the housing market.",
    "A cyclist in a red jacket rides along a wet street past a row of parked cars.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "The second movement opens with a quiet theme in the cellos before the horns enter.",
    "Two dogs chase a ball across the lawn, and a picnic blanket lies under the tree.",
    "To reset the router, hold the button on the back for ten seconds.",
)
_CITED = re.compile(r" " + CITATION)


class Case(NamedTuple):
    """One text with the truth about it."""

    face: str
    """Whom intervals cluster on: all texts about one set of labels."""
    form: Form
    kind: str
    """One of `KINDS`."""
    text: str
    labels: FaceLabels


def random_labels(rng: random.Random) -> FaceLabels:
    """A fully labelled face: an emotion with most of its units, and some that are chance."""
    emotion = rng.choice(EMOTIONS)
    wanted = [n for n in (*PROTOTYPES[emotion], *OFTEN_WITH.get(emotion, ())) if rng.random() < 0.8]
    wanted += rng.sample(RIG_UNITS, rng.randint(1, 2))
    for pair in EXCLUSIVE:
        first = [n for n in wanted if n in pair][:1]
        wanted = [n for n in wanted if n not in pair or n in first]
    acting = {n: round(rng.uniform(1.5, 5.0), 2) for n in wanted if n in RIG_UNITS}
    units = {n: acting.get(n, 0.0) for n in RIG_UNITS}
    return FaceLabels(emotion=emotion, action_units=units)


def _thought(labels: FaceLabels) -> Thought:
    units, emotion = labels.action_units or {}, labels.emotion or "neutral"
    shown = {n: value for n, value in units.items() if value}
    return Thought(
        statements=tuple(state(n, whole(value)) for n, value in shown.items()),
        absent=telling_absences(emotion, units),
        conclusion=conclude(list(shown), emotion),
    )


def _off(step: float, rng: random.Random) -> float:
    return rng.choice([other for other in (1.0, 2.0, 3.0, 4.0, 5.0) if abs(other - step) >= 2])


def _damaged(
    thought: Thought, emotion: str, kind: str, labels: FaceLabels, rng: random.Random
) -> tuple[Thought, str]:
    """The thought and the emotion with one corruption; both are new, the labels stay."""
    if kind == "wrong_emotion":
        return thought, rng.choice([other for other in EMOTIONS if other != emotion])
    statements = list(thought.statements)
    n = rng.randrange(len(statements))
    one = statements[n]
    absent = list(thought.absent)
    if kind == "wrong_unit":
        free = [u for u, value in (labels.action_units or {}).items() if not value]
        free = [u for u in free if u not in absent]
        statements[n] = state(rng.choice(free), one.intensity)
    elif kind == "wrong_side":
        statements[n] = one.model_copy(update={"side": rng.choice(("left", "right"))})
    elif kind == "wrong_intensity":
        statements[n] = one.model_copy(update={"intensity": _off(one.intensity or 3.0, rng)})
    elif kind == "negation":
        del statements[n]
        absent.append(one.action_unit)
    return _rebuilt(statements, absent, emotion), emotion


def _rebuilt(statements: list[Statement], absent: list[int], emotion: str) -> Thought:
    units = [s.action_unit for s in statements]
    return Thought(
        statements=tuple(statements), absent=tuple(absent), conclusion=conclude(units, emotion)
    )


def _worded(thought: Thought, emotion: str, form: Form, rng: random.Random) -> str:
    if form == "task":
        closed = thought.model_copy(update={"conclusion": conclude(list(thought.units), emotion)})
        return render_response(closed, {"emotion": emotion})
    text = render_prose(thought, emotion, rng)
    return _CITED.sub("", text) if form == "uncited" else text


def cases(faces: int, seed: int = 0) -> Iterator[Case]:
    """For each of so many random faces one text of every kind in every form."""
    for number in range(faces):
        rng = random.Random(f"{seed}:{number}")
        labels = random_labels(rng)
        thought, emotion = _thought(labels), labels.emotion or "neutral"
        for form in ("task", "prose", "uncited"):
            for kind in KINDS:
                if form == "uncited" and kind in UNSEEN_WITHOUT_CITATIONS:
                    continue
                if kind == "unrelated":
                    text = rng.choice(UNRELATED)
                elif kind == "clean":
                    text = _worded(thought, emotion, form, rng)
                else:
                    text = _worded(*_damaged(thought, emotion, kind, labels, rng), form, rng)
                yield Case(f"face{number}", form, kind, text, labels)


def free_cases(path: Path, part: str | None = None) -> Iterator[Case]:
    """Prose by other hands with its corruptions, from a file of JSON lines.

    A line holds `id`, `part`, `text`, `labels` and `corrupted`: kind → [words, what replaces them].

    Args:
        path: of the file.
        part: only lines of this part; None takes all.

    Raises:
        FaceLLMError: a missing file, or a line of another form, named by its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FaceLLMError(f"cannot read {path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            labels = FaceLabels.model_validate(entry["labels"])
            name, text, edits = entry["id"], entry["text"], entry["corrupted"]
            found = [("clean", text)]
            found += [(kind, text.replace(old, new)) for kind, (old, new) in edits.items()]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise FaceLLMError(f"{path}:{number} is no line of free prose: {error}") from None
        if part is None or entry.get("part") == part:
            for kind, changed in found:
                yield Case(name, "free", kind, changed, labels)
