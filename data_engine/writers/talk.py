"""Conversations put together: turns become messages, turns and items become a draft."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from data_engine.row import Message, Part
from data_engine.writers.base import Draft
from data_engine.writers.brief import Brief
from data_engine.writers.presence import unrated, without_words
from facellm.core.prose import capitalised
from facellm.core.sample import Clip, Face, FaceLabels, Sample

IMAGE, VIDEO = Part(type="image"), Part(type="video")
NO_BOX = (0.0, 0.0, 0.0, 0.0)


class Turn(NamedTuple):
    """One question with its answer."""

    question: str
    text: str
    task: str
    """Task of `facellm.tasks`, or the kind of conversation where no task scores it."""
    truth: dict[str, Any] | None = None
    brief: Brief | None = None
    """What a teacher is told; None where the words must stay."""
    weak: bool = False


def as_picture(item: Sample | Clip) -> Sample:
    """The item as tasks take it: a clip is a picture of its main face, labelled as a whole."""
    if isinstance(item, Sample):
        return item
    return Sample(
        id=item.id,
        image=item.video,
        faces=[Face(box=NO_BOX, labels=item.labels)],
        provenance=item.provenance,
        split=item.split,
    )


def about(item: Sample | Clip, question: str) -> str:
    """The question with the word for what is shown: questions are written about pictures."""
    if isinstance(item, Sample):
        return question
    return question.replace("picture", "video").replace("photo", "video")


def facts_of(items: Sequence[Sample | Clip]) -> list[FaceLabels]:
    """What is known of every face, item by item from the left."""
    return [face.labels for item in items for face in as_picture(item).faces]


def pick_face(
    picture: Sample, rng: random.Random, fit: Callable[[FaceLabels], bool]
) -> tuple[int, FaceLabels] | None:
    """Draw one of the faces whose labels fit: its number from 1 and its labels."""
    if len(picture.faces) == 1:
        labels = picture.faces[0].labels
        return (1, labels) if fit(labels) else None
    found = [(n, face.labels) for n, face in enumerate(picture.faces, 1) if fit(face.labels)]
    return rng.choice(found) if found else None


def about_faces(
    writer: str,
    item: Sample | Clip,
    rng: random.Random,
    fit: Callable[[FaceLabels], bool],
    ask: Callable[[Sample, int, FaceLabels, random.Random], Turn | None],
    count: int = 4,
) -> Iterator[Draft]:
    """Up to `count` drafts of one turn, each about one of the faces whose labels fit, drawn anew.

    Args:
        writer: its name.
        item: what the drafts are about.
        rng: draws the faces and is handed to `ask`.
        fit: whether a face has the labels that are needed.
        ask: makes the turn from the picture, the face's number from 1 and its labels; None where
            nothing can be asked, which leaves that variant out.
        count: the last variant is `count - 1`.
    """
    picture = as_picture(item)
    for variant in range(count):
        chosen = pick_face(picture, rng, fit)
        if chosen is None:
            return
        turn = ask(picture, *chosen, rng)
        if turn is not None:
            yield draft(writer, [item], [turn], variant)


def said(rng: random.Random, text: str) -> str:
    """A typed question: mostly, not always, capitalised, now and then without its mark."""
    style = rng.random()
    if style < 0.6:
        return capitalised(text)
    return text.rstrip("?.") if style < 0.75 else text


def _messages(items: Sequence[Sample | Clip], turns: Sequence[Turn]) -> list[Message]:
    shown = [IMAGE if isinstance(item, Sample) else VIDEO for item in items]
    messages = []
    for turn in turns:
        question = Part.trusted(type="text", text=about(items[0], turn.question))
        messages.append(Message.trusted(role="user", content=[*shown, question]))
        text = Part.trusted(type="text", text=turn.text)
        messages.append(Message.trusted(role="assistant", content=[text]))
        shown = []
    return messages


def draft(
    writer: str,
    items: Sequence[Sample | Clip],
    turns: Sequence[Turn],
    variant: int,
    facts: list[FaceLabels] | None = None,
) -> Draft:
    """The draft of a conversation; `facts` None takes the labels of all faces of the items.

    The truth of several turns is `{"turns": [{"task": …, "truth": …}, …]}`.
    """
    single = len(turns) == 1
    known = facts_of(items) if facts is None else facts
    if any(map(unrated, known)):
        turns = [turn._replace(text=without_words(turn.text, known)) for turn in turns]
    truth = (
        turns[0].truth
        if single
        else {"turns": [{"task": turn.task, "truth": turn.truth} for turn in turns]}
    )
    return Draft.trusted(
        writer=writer,
        variant=variant,
        sample_ids=[item.id for item in items],
        images=[item.image for item in items if isinstance(item, Sample)],
        videos=[item.video for item in items if isinstance(item, Clip)],
        messages=_messages(items, turns),
        briefs=[turn.brief for turn in turns],
        task=turns[0].task if single else "multi_turn",
        truth=truth,
        facts=known,
        weak=any(turn.weak for turn in turns),
        provenance=items[0].provenance,
        split=items[0].split,
    )
