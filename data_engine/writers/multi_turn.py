"""Conversations of two to five turns about one picture; later turns refer back to earlier ones."""

import random
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, THINK, Brief
from data_engine.writers.meaning import carries
from data_engine.writers.presence import unrated
from data_engine.writers.refusal import refuse
from data_engine.writers.talk import Turn, as_picture, draft, pick_face, said
from data_engine.writers.task_qa import ask_task
from data_engine.writers.truth import truth_of, weak_for
from facellm.core.clauses import CLAUSES
from facellm.core.evidence import state
from facellm.core.grammar import cite
from facellm.core.prose import capitalised
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.reasoning import ABSENT_BELOW, EVIDENCE_FROM
from facellm.tasks.units import whole

MAX_TURNS = 5
REFUSAL_SHARE = 0.08
"""Share of the later turns that ask what a picture cannot tell."""

WHY = (
    "which action unit tells you that?", "how can you tell?", "what makes you say so?",
    "why do you think that?", "which movements did you base that on?", "and what is the evidence?",
    "what in the face shows it?", "explain your answer.", "can you justify that?",
    "where in the face do you see it?", "which signs led you there?", "are you sure? show me why.",
)  # fmt: skip
AND_UNITS = (
    "and which action units are active?", "now list the action units.", "which AUs exactly?",
    "can you give me the codes as well?", "how strong is each movement?",
    "put that into FACS codes.", "and in FACS terms?", "what else moves?",
)  # fmt: skip
AND_EMOTION = (
    "so what expression is that?", "and which expression does that make?",
    "what does that add up to?", "what emotion would you call it?", "name the expression, please.",
    "in a word, then?", "and what do people usually read from that?",
)  # fmt: skip
AND_FACE = (
    "and {who}?", "what about {face}?", "and how about {who}?", "now {face}, please.",
    "same question for {face}.", "and the same for {who}?",
)  # fmt: skip
UNIT = (
    "is AU{n} active too?", "what about AU{n}?", "do you also see AU{n}?", "and AU{n}?",
    "can you check AU{n} again?", "is there any AU{n}?", "look again: is AU{n} there?",
)  # fmt: skip
UNIT_YES = ("Yes, {clause} {cited}.", "Yes: {clause} {cited}.", "It is: {clause} {cited}.")
UNIT_NO = (
    "No, AU{n} is absent.", "No, AU{n} is not visible.", "No, there is no sign of AU{n}.",
    "AU{n} is absent.",
)  # fmt: skip
AS_JSON = (
    "now the same as JSON.", "give me that as JSON.", "can I have it as JSON?",
    "repeat that in JSON.", "as JSON, please.",
)  # fmt: skip
ASKED = "Answer this follow-up question in one to three sentences; earlier turns stand."

Follow = Callable[["_Talk", random.Random], Turn | None]


class _Talk:
    """What has been said so far about which face."""

    def __init__(self, picture: Sample, face: int, turn: Turn) -> None:
        self.picture, self.face, self.turns = picture, face, [turn]

    @property
    def labels(self) -> FaceLabels:
        return self.picture.faces[self.face - 1].labels

    @property
    def last(self) -> Turn:
        return self.turns[-1]

    def told(self, task: str) -> bool:
        """Whether this task has been answered already."""
        return any(turn.task == task for turn in self.turns)


def _answered(
    talk: _Talk, task: str, question: str, register: str, rng: random.Random
) -> Turn | None:
    """The answer of a task to a question that leans on what was said before."""
    answer: Any = TASKS[task].target(talk.picture, rng, talk.face)
    if answer is None:
        return None
    text = TASKS[task].render(answer, "task" if register == "task" else "prose", rng)
    told = None if text.startswith("<answer>") else Brief(
        ASKED, [talk.labels], THINK if text.startswith("<think>") else PROSE)  # fmt: skip
    return Turn(question, text, task, truth_of(answer), told, weak_for(task, talk.labels))


def _why(talk: _Talk, rng: random.Random) -> Turn | None:
    if not talk.told("expression") or talk.told("reasoning") or not carries(talk.labels):
        return None
    return _answered(talk, "reasoning", said(rng, rng.choice(WHY)), "prose", rng)


def _units(talk: _Talk, rng: random.Random) -> Turn | None:
    partial = len(talk.labels.action_units or {}) < len(CLAUSES) - 5
    if partial or talk.told("action_units") or unrated(talk.labels):
        return None
    return _answered(talk, "action_units", said(rng, rng.choice(AND_UNITS)), "prose", rng)


def _emotion(talk: _Talk, rng: random.Random) -> Turn | None:
    if any(map(talk.told, ("expression", "reasoning", "caption"))):
        return None
    return _answered(talk, "expression", said(rng, rng.choice(AND_EMOTION)), "prose", rng)


def _region(talk: _Talk, rng: random.Random) -> Turn | None:
    return ask_task("region_question", talk.picture, rng, talk.face, "prose")


def _json(talk: _Talk, rng: random.Random) -> Turn | None:
    last = talk.last
    if last.task not in ("expression", "action_units") or last.truth is None:
        return None
    if last.task == "action_units" and unrated(talk.labels):
        return None
    if last.text.startswith("<") or len(last.truth.get("rated", ())) == 1:
        return None
    task = TASKS[last.task]
    question = f"{capitalised(rng.choice(AS_JSON))} {task.suffix}"
    return _answered(talk, last.task, question, "task", rng)


def _one_unit(talk: _Talk, rng: random.Random) -> Turn | None:
    """Ask whether one unit acts, as often of an absent one as of one that is seen."""
    units = talk.labels.action_units or {}
    seen = sorted(n for n, value in units.items() if value >= EVIDENCE_FROM)
    absent = sorted(n for n, value in units.items() if value < ABSENT_BELOW)
    pools = [pool for pool in (seen, absent) if pool]
    if len(pools) < 2:  # with one answer only the question would give it away
        return None
    n = rng.choice(rng.choice(pools))
    if n in absent:
        text, value = rng.choice(UNIT_NO).format(n=n), 0.0
    else:
        value = whole(units[n])
        cited = cite(state(n, value))
        text = rng.choice(UNIT_YES).format(clause=rng.choice(CLAUSES[n].clauses), cited=cited)
    answer = ActionUnitsAnswer(units={n: value}, rated=(n,))
    return Turn(
        said(rng, rng.choice(UNIT).format(n=n)),
        text,
        "action_units",
        truth_of(answer),
        Brief(ASKED, [talk.labels]),
        weak_for("action_units", talk.labels),
    )


def _other_face(talk: _Talk, rng: random.Random) -> Turn | None:
    """The same question about another face, which the talk stays with from here on."""
    others = [n for n in range(1, len(talk.picture.faces) + 1) if n != talk.face]
    if not others or talk.last.task not in ("expression", "caption", "reasoning"):
        return None
    number = rng.choice(others)
    moved = _Talk(talk.picture, number, talk.last)
    name = f"face {number}"
    question = said(rng, rng.choice(AND_FACE).format(who=f"person {number}", face=name))
    turn = _answered(moved, talk.last.task, question, "prose", rng)
    if turn is not None:
        talk.face = number
    return turn


def _refused(talk: _Talk, rng: random.Random) -> Turn | None:
    if talk.told("refusal") or rng.random() > REFUSAL_SHARE * 5:
        return None
    return refuse(talk.picture, talk.face, rng)


FOLLOWS: tuple[Follow, ...] = (
    _why, _why, _units, _emotion, _region, _region, _json, _one_unit, _one_unit, _other_face,
    _refused,
)  # fmt: skip
OPENINGS = ("expression", "expression", "caption", "reasoning", "action_units", "region_question")


class MultiTurn(Writer):
    """Two to five turns, mostly about one face."""

    name: ClassVar[str] = "multi_turn"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Up to three conversations; all turns but those that ask for JSON are prose."""
        picture = as_picture(item)
        for variant in range(3):
            turns = self._talk(picture, rng)
            if len(turns) > 1:
                yield draft(self.name, [item], turns, variant)

    def _talk(self, picture: Sample, rng: random.Random) -> list[Turn]:
        chosen = pick_face(
            picture, rng, lambda x: x.emotion is not None or x.action_units is not None
        )
        if chosen is None:
            return []
        face = chosen[0]
        for name in rng.sample(OPENINGS, len(OPENINGS)):
            opening = ask_task(name, picture, rng, face, "prose")
            if opening is not None:
                break
        else:
            return []
        talk = _Talk(picture, face, opening)
        wanted = rng.randint(2, MAX_TURNS)
        for follow in rng.sample(FOLLOWS, len(FOLLOWS)):
            if len(talk.turns) == wanted:
                break
            turn = follow(talk, rng)
            if turn is not None and all(turn.question != t.question for t in talk.turns):
                talk.turns.append(turn)
        return talk.turns
