"""Items with random labels for the tests of the writers, and their rows taken apart."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from data_engine.row import Message, Row
from data_engine.writers.base import Draft
from facellm.core.emotions import EMOTIONS
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Clip, Face, FaceLabels, Frame, Provenance, Sample

RIG = PROTOCOLS["rig23"].units
SETS = (RIG, RIG, PROTOCOLS["disfa12"].units, (6, 12), None)
NAMES = ("eyeglasses", "beard", "bangs", "big_nose", "wearing hat", "Pale_Skin", "smiling")


def random_labels(rng: random.Random, rest: float = 0.7) -> FaceLabels:
    """Labels of which any may be missing; a share `rest` of the units is absent."""
    numbers = rng.choice(SETS)
    units = None
    if numbers is not None:
        units = {n: 0.0 if rng.random() < rest else round(rng.uniform(0, 5), 3) for n in numbers}
    attributes = {name: rng.random() < 0.5 for name in rng.sample(NAMES, 4)}
    return FaceLabels(
        emotion=rng.choice((None, *EMOTIONS, *EMOTIONS)),
        action_units=units,
        pose=rng.choice((None, tuple(rng.uniform(-0.6, 0.6) for _ in range(3)))),
        gaze=rng.choice((None, (rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)))),
        age=rng.choice((None, 34.0)),
        attributes=rng.choice((None, attributes)),
        quality=rng.choice((None, rng.random())),
        authentic=rng.choice((None, True, False)),
        valence=rng.choice((None, rng.uniform(-1, 1))),
        arousal=rng.choice((None, rng.uniform(-1, 1))),
    )


def picture(*labels: FaceLabels, name: str = "0", subject: str = "s") -> Sample:
    """A picture with one face for each set of labels."""
    return Sample(
        id=name.zfill(16),
        image=f"images/{name}.jpg",
        faces=[Face(box=(0, 0, 9, 9), labels=found) for found in labels],
        provenance=Provenance(source="test", licence="CC0", subject_id=subject),
    )


def random_picture(number: int, faces: int | None = None) -> Sample:
    """A picture of one to three faces, always the same for a number."""
    rng = random.Random(number)
    count = faces or rng.choice((1, 1, 1, 2, 3))
    rest = rng.choice((0.5, 0.8, 1.0))
    found = [random_labels(rng, rest) for _ in range(count)]
    return picture(*found, name=str(number), subject=str(number // 2))


def clip(frames: list[dict[int, float]], step: float = 0.4, **labels: Any) -> Clip:
    """A clip whose frames follow each other by `step` seconds."""
    known = [
        Frame(
            time=round(n * step, 2),
            faces=[Face(box=(0, 0, 9, 9), labels=FaceLabels(action_units=units))],
        )
        for n, units in enumerate(frames)
    ]
    return Clip(
        id="c".zfill(16),
        video="clips/a.mp4",
        labels=FaceLabels(**labels),
        frames=known,
        provenance=Provenance(source="test", licence="CC0", subject_id="s"),
    )


def random_clip(number: int) -> Clip:
    """A clip in which some units rise and fall."""
    rng = random.Random(number)
    units = {
        n: (rng.uniform(0, 3), rng.uniform(0.2, 1.2), rng.choice((0.0, rng.uniform(1, 5))))
        for n in rng.sample(RIG, 6)
    }
    frames = [
        {n: max(0.0, top * (1 - abs(t * 0.2 - at) / wide)) for n, (at, wide, top) in units.items()}
        for t in range(20)
    ]
    found = clip(frames, 0.2, emotion=rng.choice((None, *EMOTIONS)))
    return found.model_copy(update={"id": f"c{number}".zfill(16)})


class Exchange(NamedTuple):
    """One turn of a conversation as text."""

    question: str
    text: str
    task: str
    truth: dict[str, Any] | None


def exchanges(row: Row | Draft) -> Iterator[Exchange]:
    """The turns of a row with the task and the truth of each."""
    texts = [_text(message) for message in row.messages]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    if row.task != "multi_turn":
        (question, text), *none = pairs
        assert not none
        yield Exchange(question, text, row.task, row.truth)
        return
    assert row.truth is not None
    for (question, text), turn in zip(pairs, row.truth["turns"], strict=True):
        yield Exchange(question, text, turn["task"], turn["truth"])


def _text(message: Message) -> str:
    assert message.content[-1].text is not None
    return message.content[-1].text
