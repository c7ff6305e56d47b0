"""Describe a face in sentences: its expression, what moves, how the head is held."""

import random
import re
from collections.abc import Sequence

from pydantic import ValidationError

from facellm.core.agreement import set_f1
from facellm.core.evidence import Thought, state, strongest
from facellm.core.grammar import ParseFailure, first_error
from facellm.core.prose import describe_emotion, describe_rest, describe_units, listing
from facellm.core.read_prose import named_emotion, negated, parse_prose, sentences, words
from facellm.core.sample import Record, Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task, labels_of
from facellm.tasks.reasoning import EVIDENCE_FROM, EVIDENCE_LIMIT, OPTIONAL_FROM, supporting
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.units import whole
from facellm.tasks.wording import ask

POSE_FROM = 0.2
"""Angle in radians (about 11 degrees) from which the pose of the head is worth a word."""
POSES = (("up", "down"), ("turned right", "turned left"), ("tilted right", "tilted left"))
"""Facts about pitch, yaw and roll: of a positive angle, of a negative one; the subject's sides."""
LIFTED = {"up": "raised", "down": "lowered"}

PROSE_QUESTIONS = (
    "describe the face.", "describe {face}.", "what do you see?", "describe this picture.",
    "what does {who} look like right now?", "caption this.", "write a caption for this face.",
    "give me a short description of {face}.", "please describe what you see.",
    "describe {them}.", "tell me about {face}.", "what can you say about {face}?",
    "what is visible in {face}?", "describe {whose} look.",
    "describe the expression and the movements of {face}.", "what's in the picture?",
    "could you describe {face} in detail?", "describe {face} for someone who cannot see it.",
    "summarise {whose} facial expression.", "give a full description of {face}.",
    "what is {face} doing?", "how would you describe {face}?", "detailed description?",
    "I can't see the picture, describe {face}.",
    "say what you see in {face}.",
)  # fmt: skip
FRONTAL = (
    "The head faces the camera.", "The head is held straight.", "The head is upright and frontal.",
)  # fmt: skip


class CaptionText(Record):
    """A description of one face."""

    text: str
    """Sentences without tags."""


class CaptionAnswer(CaptionText):
    """A description with the facts in it; gold holds facts and no text, and is put into words."""

    text: str = ""
    emotion: str | None = None
    """Emotion noun; None: unlabelled, or the text names none or several."""
    units: dict[int, float | None] | None = None
    """AU number → intensity of the visible units; None: unlabelled or unreadable."""
    pose: frozenset[str] | None = None
    """Which of `POSES` hold; empty is frontal; None is unlabelled. Sides are the subject's."""
    rated: tuple[int, ...] | None = None
    """Units the gold knows about; others are unscored. None: all."""
    optional: tuple[int, ...] = ()
    """Units that may be mentioned at no cost."""


def pose_facts(pose: tuple[float, float, float]) -> frozenset[str]:
    """Which of `POSES` hold for pitch, yaw, roll in radians (+ up, subject's right, right)."""
    facts = set()
    for angle, (positive, negative) in zip(pose, POSES, strict=True):
        if abs(angle) > POSE_FROM:
            facts.add(positive if angle > 0 else negative)
    return frozenset(facts)


def describe_pose(pose: frozenset[str], rng: random.Random) -> str:
    """One sentence about the head."""
    if not pose:
        return rng.choice(FRONTAL)
    whose = rng.choice(("the subject's", "the person's"))
    parts = [_pose_words(name, whose) for pair in POSES for name in pair if name in pose]
    return f"The head is {listing(parts)}."


def _pose_words(name: str, whose: str) -> str:
    verb, _, side = name.partition(" ")
    return f"{verb} to {whose} {side}" if side else LIFTED[name]


_TURN = re.compile(r"\b(turned|tilted) to (?:[\w']+ ){1,2}(left|right)\b", re.I)
_LIFT = re.compile(r"\bhead (?:is|looks|seems) (?:slightly )?(raised|lowered)\b", re.I)


def read_pose(text: str) -> frozenset[str]:
    """Which of `POSES` a text states, from affirmative sentences about the head."""
    facts = set()
    for sentence in sentences(text):
        if "head" not in words(sentence) or negated(sentence):
            continue
        facts |= {f"{verb} {side}".lower() for verb, side in _TURN.findall(sentence)}
        facts |= {
            name for word in _LIFT.findall(sentence) for name in LIFTED if LIFTED[name] == word
        }
    return frozenset(facts)


class CaptionTask(Task[CaptionAnswer]):
    """Describe a face; an answer is always prose, whatever the register of the question."""

    name = "caption"
    target_draws = False
    schema = CaptionText
    canonical = "Describe {face}."
    suffix = "Answer in sentences."
    asks = (
        "Describe what {face} shows.",
        "Write a caption for {face}.",
        "What can be seen on {face}?",
    )

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return ask(rng, len(sample.faces), face, PROSE_QUESTIONS)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> CaptionAnswer | None:
        """The labelled facts; None where neither emotion nor action units are labelled.

        The head's pose is left out: a caption is about the expression.
        """
        labels = labels_of(sample, face)
        if labels is None or (labels.emotion is None and labels.action_units is None):
            return None
        known = labels.action_units or {}
        shown = strongest(known, EVIDENCE_LIMIT, EVIDENCE_FROM)
        weak = [n for n in known if n not in shown and known[n] >= OPTIONAL_FROM]
        units = None if labels.action_units is None else {n: whole(v) for n, v in shown.items()}
        return CaptionAnswer.trusted(
            text="",
            emotion=labels.emotion,
            units=units,
            pose=None,
            rated=tuple(sorted(known)),
            optional=tuple(sorted(weak)),
        )

    def render(
        self, answer: CaptionAnswer, register: Register = "task", rng: random.Random | None = None
    ) -> str:
        """The text where there is one, else the facts in sentences, in varied order and wording."""
        if answer.text:
            return answer.text
        rng = rng or random.Random(0)
        seen = [state(n, value) for n, value in (answer.units or {}).items()]
        parts = []
        if answer.units is not None:
            parts += describe_units(seen, rng) or [describe_rest(bool(answer.optional), rng)]
        if answer.emotion is not None:
            signs = sum(n in supporting(answer.emotion) for n in answer.units or ())
            closing, leans = describe_emotion(answer.emotion, signs, rng)
            parts.insert(0 if not leans and rng.random() < 0.5 else len(parts), closing)
        if answer.pose is not None:
            # At either end: between the evidence and its conclusion it would belong to neither.
            parts.insert(rng.choice((0, len(parts))), describe_pose(answer.pose, rng))
        return " ".join(parts)

    def parse(self, text: str) -> CaptionAnswer | Unanswerable | ParseFailure:
        """Take any text without tags, or `{"text": …}`; facts are read where that is sure."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        body = text.strip()
        if blocks is not None:
            try:
                body = CaptionText.model_validate(blocks.answer).text.strip()
            except ValidationError as error:
                return ParseFailure(reason=first_error(error), text=text)
        if len(words(body)) < 2:
            return ParseFailure(reason="the description is empty or no sentence", text=text)
        thought, emotion = parse_prose(body), named_emotion(body)
        return CaptionAnswer(
            text=body,
            emotion=emotion if isinstance(emotion, str) else None,
            units=thought.units if isinstance(thought, Thought) else None,
            pose=read_pose(body),
        )

    def compare(self, prediction: CaptionAnswer | None, gold: CaptionAnswer) -> Score:
        """The mean of `emotion` (exact), `units` (F1) and `pose` (F1), as far as gold has them.

        A part whose facts cannot be read from the prediction is 0.
        """
        p = prediction or CaptionAnswer()
        parts = {
            "emotion": None if gold.emotion is None else float(p.emotion == gold.emotion),
            "units": None if gold.units is None else _units_f1(p, gold),
            "pose": None if gold.pose is None else _pose_f1(p, gold.pose),
        }
        known = [part for part in parts.values() if part is not None]
        return Score(value=sum(known) / len(known) if known else None, parts=parts)

    def metrics(self, scored: Sequence[Scored[CaptionAnswer]]) -> dict[str, Interval]:
        """Add the mean of every part over the samples whose gold has it."""
        return {**super().metrics(scored), **self.part_means(scored, ("emotion", "units", "pose"))}


def _units_f1(prediction: CaptionAnswer, gold: CaptionAnswer) -> float:
    if prediction.units is None:
        return 0.0
    counted = {
        n
        for n in prediction.units
        if (gold.rated is None or n in gold.rated) and n not in gold.optional
    }
    return set_f1(counted, set(gold.units or {}))


def _pose_f1(prediction: CaptionAnswer, gold: frozenset[str]) -> float:
    if prediction.pose is None:
        return 0.0
    total = len(prediction.pose) + len(gold)
    return 2.0 * len(prediction.pose & gold) / total if total else 1.0
