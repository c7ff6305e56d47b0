"""Chain of thought about an expression: key observations, their interpretation, the conclusion.

In the task register the observations are the evidence lines of the think block and its closing
line interprets and concludes; in prose the three parts are sentences, at times under headings.
Both are read and scored by the reasoning task.
"""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, THINK, Brief
from data_engine.writers.meaning import associations, carries, codes, core_share, rivals_excluded
from data_engine.writers.talk import Turn, about_faces
from data_engine.writers.truth import truth_of, weak_for
from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.evidence import Thought
from facellm.core.grammar import render_response
from facellm.core.prose import (
    capitalised,
    describe_absent,
    describe_rest,
    describe_units,
    listing,
)
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.reasoning import ReasoningAnswer, supporting
from facellm.tasks.wording import ask, the_face

QUESTIONS = (
    "Look at {face} step by step: what moves, what does it mean together, which expression is it?",
    "List the key observations on {face}, interpret them and conclude.",
    "Reason about the expression of {face}: observations, interpretation, conclusion.",
    "Which action units act on {face}, what does their combination mean?",
    "Analyse {face} like a FACS coder and name the expression.",
    "Work out the expression of {face} from its action units.",
)
PROSE_QUESTIONS = (
    "walk me through {whose} expression step by step.", "what do you observe in {face}, "
    "and what does it mean?", "give key observations, interpretation and conclusion for {face}.",
    "reason step by step about how {who} {looks}.", "how would a FACS coder reason about {face}?",
    "break {whose} expression down for me.", "which movements does {face} show, and how do they "
    "combine?", "think aloud: what does {face} express?", "interpret {whose} facial movements.",
    "first describe {face}, then interpret it.", "what leads you to {whose} expression?",
    "explain in detail how {who} {looks} and why.", "take {face} apart: what acts where, and "
    "what does it add up to?", "go through {face} from the brows to the chin and conclude.",
    "combine the signs in {face} into one reading.", "teach me to read {face}.",
)  # fmt: skip
ASKED = (
    "Explain how the expression follows from what is visible: key observations, interpretation of "
    "the combination, conclusion."
)
HEADINGS = (
    ("Key observations:", "Interpretation:", "Conclusion:"),
    ("Observations:", "Overall interpretation:", "Conclusion:"),
    ("What I see:", "What it means:", "So:"),
    ("Evidence:", "Reading:", "Result:"),
)
TOGETHER = (
    "This combination of {phrases} is typical of {noun}.",
    "{Phrases} often appear at once when a face shows {noun}.",
    "People tend to read {phrases} as {noun}.",
    "{Codes} form a pattern that people usually read as {noun}.",
    "Acting at the same time, {codes} are common signs of {noun}.",
)
ALONE = (
    "People tend to read {phrases} as {noun}.",
    "{Codes} is a common sign of {noun}.",
    "By itself, {codes} still leans towards {noun}.",
)
NO_PATTERN = (
    "These movements alone fall short of a typical pattern.",
    "The single movements leave the reading open; the face as a whole decides it.",
    "Taken one by one, the movements are found in all kinds of faces.",
)
STILL = (
    "The muscles that carry expressions are at rest.",
    "No part of the face departs from rest.",
    "With so little movement there is nothing to interpret.",
)
LITTLE = (
    "So little movement leaves the reading open.",
    "What little moves is too weak to be a sign.",
)
CLOSING = (
    "Overall, the face looks {adjective}.", "The face as a whole looks {adjective}.",
    "In sum, the expression reads as {adjective}.", "The face therefore looks {adjective}.",
    "Most people would say this face looks {adjective}.", "The expression is {adjective}.",
)  # fmt: skip
CLOSING_NOUN = (
    "So the face shows {noun}.", "Together this indicates {noun}.", "This adds up to what reads "
    "as {noun}.", "The expression is one of {noun}.", "The most fitting reading is {noun}.",
)  # fmt: skip


def think_closing(answer: ReasoningAnswer, rng: random.Random) -> str:
    """The closing line of a think block: one or two interpreting sentences, then the conclusion.

    It holds no colon, so the grammar reads it as the conclusion.
    """
    thought = answer.thought
    assert thought is not None, "the gold answer of the reasoning task holds its evidence"
    units = list(thought.units)
    signs = [n for n in units if n in supporting(answer.emotion)]
    said = [associations(units), rivals_excluded(answer.emotion, thought.absent, rng)]
    if answer.emotion not in ("neutral", "contempt"):
        said.append(core_share(answer.emotion, signs, rng))
    said = [sentence for sentence in said if sentence]
    chosen = rng.sample(range(len(said)), min(len(said), rng.choice((1, 1, 2))))
    return " ".join([*(said[n] for n in sorted(chosen)), thought.conclusion])


def interpret(emotion: str, units: list[int], faint: bool, rng: random.Random) -> str:
    """One sentence about what the evidence means together; it names no other emotion.

    `faint` says whether other units act, too weakly to be evidence.
    """
    signs = [n for n in units if n in supporting(emotion)]
    if not units:
        return rng.choice(LITTLE if faint else STILL)
    if not signs:
        return rng.choice(NO_PATTERN)
    phrases = listing([rng.choice(CLAUSES[n].phrases) for n in signs])
    template = rng.choice(TOGETHER if len(signs) > 1 else ALONE)
    every = codes(signs, " and " if len(signs) == 2 else " + ")
    return template.format(
        phrases=phrases, Phrases=capitalised(phrases), codes=every, Codes=every, noun=emotion
    )


def conclude_prose(emotion: str, supported: bool, rng: random.Random) -> str:
    """The sentence that names the emotion."""
    plain = emotion == "neutral" or not supported
    template = rng.choice(CLOSING if plain else CLOSING + CLOSING_NOUN)
    return template.format(adjective=rng.choice(ADJECTIVES[emotion]), noun=emotion)


def prose_chain(answer: ReasoningAnswer, rng: random.Random) -> str:
    """The three parts in sentences, under headings one time in three."""
    thought = answer.thought or Thought()
    units = list(thought.units)
    faint = bool(answer.optional)
    seen = describe_units(thought.statements, rng) or [describe_rest(faint, rng)]
    if thought.absent:
        seen.append(describe_absent(thought.absent, rng))
    supported = not supporting(answer.emotion).isdisjoint(units)
    parts = [
        " ".join(seen),
        interpret(answer.emotion, units, faint, rng),
        conclude_prose(answer.emotion, supported, rng),
    ]
    if rng.random() < 1 / 3:
        headings = rng.choice(HEADINGS)
        return "\n".join(f"{head} {part}" for head, part in zip(headings, parts, strict=True))
    return " ".join(parts)


class ExpCoT(Writer):
    """Key observations, interpretation, conclusion."""

    name: ClassVar[str] = "exp_cot"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Four chains about faces whose labelled units carry their labelled emotion."""
        yield from about_faces(self.name, item, rng, carries, self._turn)

    def _turn(self, picture: Sample, face: int, labels: FaceLabels, rng: random.Random) -> Turn:
        task, faces = TASKS["reasoning"], len(picture.faces)
        answer = task.target(picture, rng, face)
        assert isinstance(answer, ReasoningAnswer) and answer.thought is not None
        if self.register(rng) == "task":
            named = the_face(rng, faces, face)
            question = f"{rng.choice(QUESTIONS).format(face=named)} {task.suffix}"
            known = answer.thought
            thought = Thought.trusted(  # its parts were checked, its closing line is ours
                statements=known.statements,
                absent=known.absent,
                conclusion=think_closing(answer, rng),
            )
            text, form = render_response(thought, {"emotion": answer.emotion}), THINK
        else:
            question = ask(rng, faces, face, PROSE_QUESTIONS)
            text, form = prose_chain(answer, rng), PROSE
        told = Brief(ASKED, [labels], form)
        weak = weak_for("reasoning", labels)
        return Turn(question, text, "reasoning", truth_of(answer), told, weak)
