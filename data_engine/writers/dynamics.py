"""What a face does over the time of a clip: events with time stamps, from labels frame by frame.

The facts of such a row are the clip's labels with the strongest intensity of every unit, which is
what a citation in the text states.
"""

import random
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, Brief
from data_engine.writers.talk import Turn, draft, said
from facellm.core.clauses import CLAUSES
from facellm.core.evidence import state
from facellm.core.grammar import cite, render_answer
from facellm.core.prose import capitalised, describe_emotion
from facellm.core.sample import Clip, Event, FaceLabels, Sample
from facellm.tasks.events import EVENT_FROM, NICKNAMES, Series, all_events, peaks, series_of
from facellm.tasks.reasoning import ABSENT_BELOW

LIMIT = 8
"""Events in one text at most, the strongest."""

LINES = (
    "list what the face does over time, with time stamps.", "write a timeline of this face.",
    "which facial events happen when?", "time-stamp the facial movements.",
    "annotate the clip: onset, apex and offset of each movement.", "log the events in this video.",
    "give me the dynamics of the expression, line by line.",
)  # fmt: skip
STORY = (
    "what happens in this clip?", "describe how the expression changes.",
    "tell me what the face does from beginning to end.", "how does the face move over time?",
    "caption the video.", "describe the facial dynamics.", "narrate the face in this clip.",
    "what changes in the face, and when?", "summarise the movements of the face.",
)  # fmt: skip
JSON = (
    "List the facial events with their times. Answer with the events as JSON.",
    "Which action units act when? Answer with the events as JSON.",
    "Code onset, apex and offset of every action unit. Answer with the events as JSON.",
)  # fmt: skip
PEAK = (
    "when is AU{n} strongest?", "at what time does AU{n} peak?", "where is the apex of AU{n}?",
    "does AU{n} act in this clip, and when?", "find the peak of AU{n}.",
)  # fmt: skip
QUIET = (
    "The face is at rest throughout the clip.", "Nothing on the face moves clearly in this clip.",
    "From beginning to end the face is at rest.",
)  # fmt: skip
BEGIN = (
    "At {t} s {clause} {cited}", "From {t} s on {clause} {cited}", "{clause} {cited} from {t} s on",
    "Starting at {t} s, {clause} {cited}",
)  # fmt: skip
BEGUN = ("From the first frame {clause} {cited}", "At the start {clause} {cited}")
TOP = (", strongest at {t} s", ", with the apex at {t} s", ", peaking at {t} s")
GONE = (", and over by {t} s", ", until {t} s", ", gone at {t} s")
STAYS = (", until the end", ", to the last frame", "")
WHEN = ("AU{n} peaks at {t} s. {Clause} {cited}.", "At {t} s {clause} {cited}, its strongest.",
        "Its apex is at {t} s: {clause} {cited}.")  # fmt: skip
NEVER = ("AU{n} is absent throughout.", "AU{n} is not visible at any time.",
         "AU{n} is absent in this clip.")  # fmt: skip
ASKED = (
    "Describe what the face does over time, in order, with times in seconds as in '0.8–1.6 s'. "
    "Use the given events and times only; cite each event once."
)


class _Course(NamedTuple):
    """What is known of a clip's face over time."""

    labels: FaceLabels
    """Of the whole clip, with the peak of every unit."""
    series: dict[int, Series]
    events: list[Event]
    weak: bool


def course_of(clip: Clip) -> _Course | None:
    """The course of the main person; None where fewer than two frames have labelled units."""
    from facellm.faces.clips import main_alone  # brings OpenCV, which most runs never need

    frames = main_alone(clip.frames)
    series = series_of(frames)
    if max(map(len, series.values()), default=0) < 2:
        return None
    events = sorted(all_events(series), key=lambda e: -e.intensity)[:LIMIT]
    kept = [event for event in all_events(series) if event in events]
    weak = any(f.faces and "action_units" in f.faces[0].labels.weak for f in frames)
    marks = clip.labels.weak - {"action_units"} | ({"action_units"} if weak else set())
    peak = {"action_units": peaks(series), "presence_only": frozenset(), "weak": marks}
    labels = clip.labels.model_copy(update=peak)
    return _Course(labels, series, kept, weak)


def seconds(time: float) -> str:
    """A time as texts give it, in tenths."""
    return f"{time:.1f}"


def _cited(event: Event, course: _Course) -> str:
    """The citation; weaker repeats of an event go without a word, which would name another peak."""
    strongest = max(e.intensity for e in course.events if e.action_unit == event.action_unit)
    same = event.intensity == strongest
    return cite(state(event.action_unit, event.intensity if same else None))


def _phrase(n: int, rng: random.Random) -> str:
    nickname = (NICKNAMES[n],) * 2 if n in NICKNAMES else ()
    names: tuple[str, ...] = (*CLAUSES[n].phrases, *nickname)
    return rng.choice(names)


def _line(event: Event, course: _Course, rng: random.Random) -> list[tuple[float, str]]:
    """The lines about an event with the times they are sorted by."""
    name = _phrase(event.action_unit, rng).removeprefix("a ").removeprefix("an ")
    apex, cited = seconds(event.apex), _cited(event, course)
    start = 0.0 if event.onset is None else event.onset
    if event.onset is None:
        lines = [(start, f"0.0–{apex} s: {name} {cited} under way, apex at {apex} s")]
    else:
        lines = [(start, f"{seconds(start)}–{apex} s: {name} onset {cited}, apex at {apex} s")]
    if event.offset is not None:
        gone = rng.choice(("offset", "fades", "over"))
        lines.append((event.apex, f"{apex}–{seconds(event.offset)} s: {name} {gone}"))
    return lines


def timeline(course: _Course, rng: random.Random) -> str:
    """One line an event or its offset: `0.8–1.6 s: smile onset (AU12, marked), apex at 1.6 s`."""
    lines = [line for event in course.events for line in _line(event, course, rng)]
    return "\n".join(text for _, text in sorted(lines, key=lambda line: line[0]))


def story(course: _Course, rng: random.Random) -> str:
    """The events in sentences, in order of onset."""
    sentences = []
    for event in course.events:
        clause = rng.choice(CLAUSES[event.action_unit].clauses)
        start = rng.choice(BEGUN if event.onset is None else BEGIN)
        parts = [start.format(t=seconds(event.onset or 0.0), clause=clause,
                              cited=_cited(event, course))]  # fmt: skip
        if event.onset is None or event.apex > event.onset:
            parts.append(rng.choice(TOP).format(t=seconds(event.apex)))
        end = rng.choice(STAYS) if event.offset is None else rng.choice(GONE)
        parts.append(end.format(t=seconds(event.offset or 0.0)))
        sentences.append(capitalised("".join(parts)) + ".")
    return " ".join(sentences)


def events_json(events: list[Event]) -> dict[str, object]:
    """The events as an answer gives them: codes, times in tenths of a second, whole intensities."""

    def tenths(time: float | None) -> float | None:
        return None if time is None else round(time, 1)

    return {
        "events": [
            {
                "action_unit": f"AU{e.action_unit}",
                "onset": tenths(e.onset),
                "apex": tenths(e.apex),
                "offset": tenths(e.offset),
                "intensity": e.intensity,
            }
            for e in events
        ]
    }


def _brief(course: _Course) -> Brief:
    return Brief(ASKED, [course.labels], PROSE, course.events)


def _told(
    questions: tuple[str, ...], tell: Callable[[_Course, random.Random], str]
) -> Callable[[_Course, random.Random], Turn]:
    def turn(course: _Course, rng: random.Random) -> Turn:
        text = tell(course, rng) or rng.choice(QUIET)
        emotion, weak = course.labels.emotion, course.weak
        if emotion is not None and rng.random() < 0.5:
            text += ("\n" if "\n" in text else " ") + describe_emotion(emotion, 0, rng)[0]
            weak = weak or "emotion" in course.labels.weak
        truth = {"emotion": emotion, **events_json(course.events)}
        question = said(rng, rng.choice(questions))
        return Turn(question, text, "dynamics", truth, _brief(course), weak)

    return turn


def _as_json(course: _Course, rng: random.Random) -> Turn:
    answer = events_json(course.events)
    return Turn(rng.choice(JSON), render_answer(answer), "dynamics", answer, None, course.weak)


def _peak(course: _Course, rng: random.Random) -> Turn | None:
    """Ask when one unit is strongest: as often one that never acts as one that does."""
    acting = sorted({event.action_unit for event in course.events})
    top = peaks(course.series)
    absent = sorted(n for n, value in top.items() if value < ABSENT_BELOW)
    if not acting or not absent:
        return None
    n = rng.choice(rng.choice((acting, absent)))
    apex = None
    if n in absent:
        text = rng.choice(NEVER).format(n=n)
    else:
        event = max(
            (e for e in course.events if e.action_unit == n), key=lambda e: (e.intensity, -e.apex)
        )
        assert event.intensity >= EVENT_FROM
        apex, clause = seconds(event.apex), rng.choice(CLAUSES[n].clauses)
        cited = cite(state(n, event.intensity))
        text = rng.choice(WHEN).format(
            n=n, t=apex, clause=clause, Clause=capitalised(clause), cited=cited
        )
    truth = {"action_unit": f"AU{n}", "apex": None if apex is None else float(apex)}
    question = said(rng, rng.choice(PEAK).format(n=n))
    return Turn(question, text, "dynamics", truth, _brief(course), course.weak)


class Dynamics(Writer):
    """Facial events over time."""

    name: ClassVar[str] = "dynamics"

    def fits(self, item: Sample | Clip) -> bool:
        """Only of clips."""
        return isinstance(item, Clip)

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Up to six texts about a clip whose frames have labelled action units."""
        course = course_of(item) if isinstance(item, Clip) else None
        if course is None:
            return
        kinds = [_told(LINES, timeline), _told(STORY, story), _peak]
        rng.shuffle(kinds)
        for variant in range(6):
            json_asked = self.register(rng) == "task" and rng.random() < 0.5
            turn = _as_json(course, rng) if json_asked else kinds[variant % 3](course, rng)
            if turn is not None:
                yield draft(self.name, [item], [turn], variant, facts=[course.labels])
