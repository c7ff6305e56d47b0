"""Captions: one short sentence with what matters most, or a dense one with all that is known."""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import Brief
from data_engine.writers.talk import Turn, about_faces
from data_engine.writers.truth import truth_of, weak_for
from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.evidence import state, strongest
from facellm.core.grammar import cite
from facellm.core.prose import (
    AT_REST,
    capitalised,
    describe_absent,
    describe_emotion,
    describe_rest,
    describe_units,
    listing,
)
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.caption import CaptionAnswer, describe_pose, pose_facts
from facellm.tasks.reasoning import EVIDENCE_FROM, supporting, telling_absences
from facellm.tasks.units import LISTED_FROM, whole
from facellm.tasks.wording import ask

SHORT_UNITS = 2
"""Action units of a short caption at most, the strongest."""
DENSE_SHARE = 0.5

SHORT_QUESTIONS = (
    "caption {face} in one sentence.", "one short caption for {face}, please.",
    "a one-line caption for {face}?", "describe {face} briefly.", "{face} in one sentence?",
    "short caption for {face}.", "sum {face} up in a sentence.",
    "what is the most striking thing about {face}? one sentence.",
    "write alt text for {face}, one sentence.", "in a few words, what does {face} show?",
    "keep it short: what does {face} show?", "give {face} a brief caption.",
    "label {face} with one sentence.", "a quick description of {them}?",
)  # fmt: skip
DENSE_QUESTIONS = (
    "describe {face} in full detail.", "write a dense caption for {face}.",
    "list everything you can see in {face}, in sentences.", "a long caption for {face}, please.",
    "describe {face} as completely as you can.", "tell me every detail of {face}.",
    "write a thorough description of {face}.", "leave nothing out: what does {face} show?",
    "describe every movement of {face}, faint ones included.",
    "give an exhaustive account of {whose} expression.", "what does {face} show, in every detail?",
    "describe {face} so that someone could draw it.", "full description of {face}?",
)  # fmt: skip
WITH_EMOTION = (
    "The face looks {adjective}, with {phrases}.", "A face that looks {adjective}, with {phrases}.",
    "Someone who looks {adjective}, showing {phrases}.",
    "A person who appears {adjective}, with {phrases}.",
    "A {size} of a face that looks {adjective}: {phrases}.",
)  # fmt: skip
FROM_MOVEMENTS = (
    "A face that reads as {adjective} through {phrases}.",
    "With {phrases}, this face looks {adjective}.",
    "Showing {phrases}, the person looks {adjective}.",
    "{Phrases}: the face looks {adjective}.",
)
"""Not for neutral: that movements look neutral would deny them."""
WITHOUT_EMOTION = (
    "A face with {phrases}.", "The face shows {phrases}.", "A person with {phrases}.",
    "What stands out is {phrases}.", "A {size} of a face with {phrases}.",
    "Someone with {phrases}.",
)  # fmt: skip
EMOTION_ALONE = (
    "A face that looks {adjective}.", "The face looks {adjective}.",
    "A person who looks {adjective}.", "Someone whose expression reads as {adjective}.",
    "A {size} of a face that looks {adjective}.", "The person appears {adjective}.",
)  # fmt: skip
EMOTION_AT_REST = (
    "A face at rest that looks {adjective}.", "The face is at rest and looks {adjective}.",
    "A still face that looks {adjective}.", "The face is quiet and looks {adjective}.",
)  # fmt: skip
SIZES = ("picture", "close view", "view")
WEAKER = (
    "Weaker signs are {}.", "Faintly, there are also {}.", "Traces remain: {}.",
    "More subtle are {}.", "Faint movements add {}.",
)  # fmt: skip
FAINT_ALONE = ("Faintly, there are {}.", "There are traces of {}.", "Traces can be seen: {}.")
SHORT = (
    "Write a caption of one sentence that names the emotion, if it is known, and the strongest "
    "action units, at most two."
)
DENSE = (
    "Describe the face completely: all action units, what is absent, the expression, the head and "
    "the gaze, as far as they are known."
)
GAZE_FROM = 0.15
"""Angle in radians from which the direction of the gaze is worth a word."""
AHEAD = (
    "The eyes look into the camera.", "The gaze meets the camera.",
    "The eyes look straight ahead.",
)  # fmt: skip


def describable(labels: FaceLabels) -> bool:
    """Whether a caption has anything to say: an emotion or action units."""
    return labels.emotion is not None or labels.action_units is not None


def short_answer(labels: FaceLabels) -> CaptionAnswer:
    """The facts of a short caption; all other units may be mentioned at no cost."""
    known = labels.action_units
    shown = strongest(known or {}, SHORT_UNITS, EVIDENCE_FROM)
    rest = (n for n in sorted(known or {}) if n not in shown)
    return CaptionAnswer(
        emotion=labels.emotion,
        units=None if known is None else {n: whole(value) for n, value in shown.items()},
        rated=tuple(sorted(known or {})),
        optional=tuple(n for n in rest if (known or {})[n] >= LISTED_FROM / 2),
    )


def short_caption(answer: CaptionAnswer, rng: random.Random) -> str:
    """One sentence with the emotion and the strongest units, as far as they are known."""
    adjective = "" if answer.emotion is None else rng.choice(ADJECTIVES[answer.emotion])
    statements = [state(n, value) for n, value in (answer.units or {}).items()]
    phrases = listing(
        [f"{rng.choice(CLAUSES[s.action_unit].phrases)} {cite(s)}" for s in statements] or [""]
    )
    if statements:
        templates: tuple[str, ...] = WITH_EMOTION if answer.emotion else WITHOUT_EMOTION
        if answer.emotion not in (None, "neutral"):
            templates += FROM_MOVEMENTS
    elif answer.emotion is None:
        return describe_rest(bool(answer.optional), rng)
    else:
        templates = EMOTION_ALONE
        if answer.units is not None and not answer.optional:
            templates += EMOTION_AT_REST
    text = rng.choice(templates)
    return text.format(
        adjective=adjective,
        phrases=phrases,
        Phrases=capitalised(phrases),
        size=rng.choice(SIZES),
    )


def describe_gaze(gaze: tuple[float, float], rng: random.Random) -> str:
    """One sentence about where the eyes look, from pitch and yaw in radians as for the pose."""
    pitch, yaw = gaze
    parts = []
    if abs(pitch) > GAZE_FROM:
        parts.append("up" if pitch > 0 else "down")
    if abs(yaw) > GAZE_FROM:
        parts.append(f"to the {'subject' if rng.random() < 0.5 else 'person'}'s "
                     f"{'right' if yaw > 0 else 'left'}")  # fmt: skip
    if not parts:
        return rng.choice(AHEAD)
    verb = rng.choice(("The eyes look", "The gaze goes", "The eyes are directed"))
    return f"{verb} {' and '.join(parts)}."


def describe_movements(labels: FaceLabels, rng: random.Random) -> list[str]:
    """Sentences about all labelled units: the evident ones, then the faint ones."""
    if labels.action_units is None:
        return []
    units = {n: whole(v) for n, v in labels.action_units.items() if whole(v) >= LISTED_FROM}
    evident = [state(n, units[n]) for n in sorted(units) if units[n] > 1]
    faint = [state(n, 1.0) for n in sorted(units) if units[n] == 1]
    parts = describe_units(evident, rng)
    if faint:
        phrases = [f"{rng.choice(CLAUSES[s.action_unit].phrases)} {cite(s)}" for s in faint]
        parts.append(rng.choice(WEAKER if evident else FAINT_ALONE).format(listing(phrases)))
    if not units:
        parts.append(rng.choice(AT_REST))
    return parts


def dense_caption(labels: FaceLabels, rng: random.Random) -> str:
    """Everything that is known of movements, expression, pose and gaze, in varied order."""
    parts = describe_movements(labels, rng)
    if labels.emotion is not None:
        evident = [n for n, value in (labels.action_units or {}).items() if value >= EVIDENCE_FROM]
        signs = sum(n in supporting(labels.emotion) for n in evident)
        closing, leans = describe_emotion(labels.emotion, signs, rng)
        parts.insert(0 if not leans and rng.random() < 0.5 else len(parts), closing)
    # After the conclusion: a sentence that leans on the evidence cannot lean on its absence.
    absent = telling_absences(labels.emotion or "neutral", labels.action_units or {})
    if absent and rng.random() < 0.5:
        parts.append(describe_absent(sorted(absent), rng))
    if labels.pose is not None:
        pose = pose_facts(labels.pose)
        parts.insert(rng.choice((0, len(parts))), describe_pose(pose, rng))
    if labels.gaze is not None:
        parts.append(describe_gaze(labels.gaze, rng))
    return " ".join(parts)


class Caption(Writer):
    """Short and dense captions."""

    name: ClassVar[str] = "caption"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Four captions, about half of them dense, of faces with an emotion or action units."""
        yield from about_faces(self.name, item, rng, describable, self._turn)

    def _turn(self, picture: Sample, face: int, labels: FaceLabels, rng: random.Random) -> Turn:
        dense = rng.random() < DENSE_SHARE
        return (self._dense if dense else _short)(picture, face, labels, rng)

    def _dense(self, picture: Sample, face: int, labels: FaceLabels, rng: random.Random) -> Turn:
        task = TASKS["caption"]
        answer = task.target(picture, rng, face)
        assert answer is not None, "the face was drawn for its labels"
        if self.register(rng) == "task":
            question = task.question(picture, rng, face)
        else:
            question = ask(rng, len(picture.faces), face, DENSE_QUESTIONS)
        return Turn(
            question,
            dense_caption(labels, rng),
            task.name,
            truth_of(answer),
            Brief(DENSE, [labels]),
            weak_for(task.name, labels),
        )


def _short(picture: Sample, face: int, labels: FaceLabels, rng: random.Random) -> Turn:
    answer = short_answer(labels)
    return Turn(
        ask(rng, len(picture.faces), face, SHORT_QUESTIONS),
        short_caption(answer, rng),
        "caption",
        truth_of(answer),
        Brief(SHORT, [labels]),
        weak_for("caption", labels),
    )
