"""What a face does over a clip, in order: `{"events": [{"action_unit": "AU12", …}]}`.

Events are action units that rise and fall (`FaceLabels.events`); they are compared in the order of
their onsets, as FEC-Bench compares orders: which events, how pairs of them are related, and the
longest common subsequence. Some questions ask for one unit's apex alone. The data engine's
timelines and stories are read as well.
"""

import random
from collections.abc import Sequence
from math import isnan
from typing import Any

from pydantic import BaseModel, ValidationError

from facellm.core.clauses import CLAUSES
from facellm.core.errors import FaceLLMError
from facellm.core.evidence import state
from facellm.core.facs import unit
from facellm.core.grammar import ParseFailure, cite, first_error, render_answer
from facellm.core.prose import capitalised
from facellm.core.sample import Record, Sample
from facellm.core.sequences import sequence_scores
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task, labels_of
from facellm.tasks.read_events import Told, ToldEvent, read_events
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.wording import ask

LIMIT = 8
"""Events in one answer at most, the strongest."""
LATE = 1.0
"""Seconds off from which the time of an apex scores nothing."""

PROSE_QUESTIONS = (
    "what happens on {face} over time?", "describe how {whose} expression changes.",
    "tell me what {face} does from beginning to end.", "how does {face} move over time?",
    "narrate the movements of {face}.", "what changes on {face}, and when?",
    "list what {face} does in order.", "write a timeline of {face}.",
    "which movements of {face} come first?", "time-stamp the movements of {face}.",
    "in which order do {whose} movements happen?", "facial events?",
)  # fmt: skip
BEGIN = ("At {t} s {clause} {cited}{top}.", "From {t} s on {clause} {cited}{top}.",
         "Starting at {t} s, {clause} {cited}{top}.")  # fmt: skip
BEGUN = ("From the first frame {clause} {cited}{top}.", "At the start {clause} {cited}{top}.")
TOP = (", strongest at {t} s", ", with the apex at {t} s", ", peaking at {t} s")
QUIET = (
    "The face is at rest throughout the clip.", "Nothing on the face moves clearly in this clip.",
    "From beginning to end the face is at rest.", "The face is at rest from beginning to end.",
    "The face is at rest all the time.", "The face is at rest in every frame.",
    "In this clip the face is at rest.", "All through the clip the face is at rest.",
)  # fmt: skip


class EventsJson(Record):
    """The JSON of the answer."""

    events: tuple[ToldEvent, ...]
    """In order of onset; times in seconds."""


class DynamicsAnswer(Record):
    """Gold: the events of a clip, or the apex of the one unit that was asked about."""

    events: tuple[ToldEvent, ...] | None = None
    """None where one unit was asked about."""
    emotion: str | None = None
    """Of the clip as a whole; the texts may name it, it is not scored."""
    action_unit: str | None = None
    """The one unit asked about."""
    apex: float | None = None
    """Its apex in seconds; None where it never acts."""


class DynamicsTask(Task[Any]):
    """Tell the facial events of a clip in order.

    Gold is a `DynamicsAnswer`, a reading a `Told`.
    """

    name = "dynamics"
    schema: type[BaseModel] = EventsJson
    canonical = "Which action units act on {face} in this clip, in which order?"
    suffix = (
        "Answer with the events as JSON: action_unit, onset, apex, offset in seconds, intensity."
    )
    asks = (
        "List the facial events of {face} in order of time.",
        "What does {face} do over the clip, in order?",
        "Code onset, apex and offset of every action unit of {face}.",
    )

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return ask(rng, len(sample.faces), face, PROSE_QUESTIONS)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> DynamicsAnswer | None:
        """The strongest of the labelled events in order of onset, times in tenths of a second."""
        labels = labels_of(sample, face)
        if labels is None or labels.events is None:
            return None
        chosen = sorted(labels.events, key=lambda e: -e.intensity)[:LIMIT]
        told = [
            ToldEvent(
                action_unit=f"AU{e.action_unit}",
                onset=None if e.onset is None else round(e.onset, 1),
                apex=round(e.apex, 1),
                offset=None if e.offset is None else round(e.offset, 1),
                intensity=e.intensity,
            )
            for e in labels.events
            if e in chosen
        ]
        return DynamicsAnswer(events=_in_order(told))

    def render(
        self,
        answer: DynamicsAnswer,
        register: Register = "task",
        rng: random.Random | None = None,
    ) -> str:
        """Write the JSON block, or one sentence an event."""
        events = answer.events or ()
        if register == "task":
            return render_answer({"events": [event.model_dump() for event in events]})
        rng = rng or random.Random(0)
        return " ".join(_sentence(event, rng) for event in events) or rng.choice(QUIET)

    def parse(self, text: str) -> Told | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, or lines and sentences that cite units with times."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is None:
            return read_events(text)
        try:
            events = EventsJson.model_validate(blocks.answer).events
            for event in events:
                unit(int(event.action_unit[2:]))
        except ValidationError as error:
            return ParseFailure(reason=first_error(error), text=text)
        except FaceLLMError as error:
            return ParseFailure(reason=str(error), text=text)
        return Told(events=_in_order(events) if any(map(_timed, events)) else events)

    def compare(self, prediction: Told | None, gold: DynamicsAnswer) -> Score:
        """The mean of `events`, `relations` and `order` as far as there are any.

        For a question about one unit, `apex`: 1 − |Δ| / 1 s, and 1 for a unit that is rightly said
        to be absent.
        """
        if gold.action_unit is not None:
            value = _apex_score(prediction, gold)
            return Score(value=value, parts={"apex": value})
        true = [event.action_unit for event in _in_order(gold.events or ())]
        if prediction is None:
            scores = sequence_scores(["nothing"], true)
        else:
            told = _in_order(prediction.events) if prediction.events else ()
            scores = sequence_scores([event.action_unit for event in told], true)
        names = ("events", "relations", "order")
        parts = {n: None if isnan(s) else s for n, s in zip(names, scores, strict=True)}
        known = [part for part in parts.values() if part is not None]
        return Score(value=sum(known) / len(known), parts=parts)

    def metrics(self, scored: Sequence[Scored[Any]]) -> dict[str, Interval]:
        """Add the means of `events`, `relations`, `order` and `apex` over the samples with them."""
        parts = ("events", "relations", "order", "apex")
        return {**super().metrics(scored), **self.part_means(scored, parts)}


def _timed(event: ToldEvent) -> bool:
    return event.onset is not None or event.apex is not None


def _in_order(events: Sequence[ToldEvent]) -> tuple[ToldEvent, ...]:
    """Events by their onset, those under way at the start first; at one time by their unit.

    What begins at the same tenth of a second has no order, so both sides get the same one. Events
    without any time stay as they were told.
    """
    if not any(map(_timed, events)):
        return tuple(events)
    return tuple(
        sorted(
            events,
            key=lambda e: (-1.0 if e.onset is None else round(e.onset, 1), int(e.action_unit[2:])),
        )
    )


def _sentence(event: ToldEvent, rng: random.Random) -> str:
    number = int(event.action_unit[2:])
    top = "" if event.apex is None else rng.choice(TOP).format(t=f"{event.apex:.1f}")
    slots = {
        "clause": rng.choice(CLAUSES[number].clauses),
        "cited": cite(_stated(event)),
        "top": top,
    }
    if event.onset is None:
        return capitalised(rng.choice(BEGUN).format(**slots))
    return capitalised(rng.choice(BEGIN).format(t=f"{event.onset:.1f}", **slots))


def _stated(event: ToldEvent) -> Any:
    return state(int(event.action_unit[2:]), event.intensity or None)


def _apex_score(prediction: Told | None, gold: DynamicsAnswer) -> float:
    assert gold.action_unit is not None
    if prediction is None:
        return 0.0
    told = [event for event in prediction.events if event.action_unit == gold.action_unit]
    if gold.apex is None:
        denied = int(gold.action_unit[2:]) in prediction.absent
        return float(not told and denied)
    times = [e.onset if e.apex is None else e.apex for e in told]
    off = [abs(time - gold.apex) for time in times if time is not None]
    return max(0.0, 1.0 - min(off) / LATE) if off else 0.0
