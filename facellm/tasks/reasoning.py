"""Evidence first, then the expression: a think block of action units and an answer block."""

import random
from collections.abc import Collection, Sequence
from functools import cache

from pydantic import ValidationError

from facellm.core.agreement import set_f1
from facellm.core.emotions import OFTEN_WITH, PROTOTYPES, VARIANTS
from facellm.core.evidence import Thought, conclude, state, strongest
from facellm.core.facs import PRESENT
from facellm.core.grammar import ParseFailure, first_error, render_response
from facellm.core.prose import render_prose
from facellm.core.read_prose import named_emotion, parse_prose
from facellm.core.sample import Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task, labels_of
from facellm.tasks.expression import ExpressionAnswer
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.units import whole
from facellm.tasks.wording import ask

EVIDENCE_FROM = PRESENT
"""Intensity from which a unit is evidence: that from which it counts as present."""
EVIDENCE_LIMIT = 6
"""Units in the evidence at most, the strongest."""
ABSENT_BELOW = 0.5
"""Intensity under which a labelled unit may be called absent."""
ABSENT_LIMIT = 2
OPTIONAL_FROM = 0.5
"""Units of at least this intensity that are not in the evidence may be stated at no cost."""
WEIGHTS = {"emotion": 0.5, "evidence_f1": 0.4, "format": 0.1}

PROSE_QUESTIONS = (
    "what do you see in this face?", "how {does} {who} feel, and how can you tell?",
    "what emotion is shown and why?", "why {does} {who} look like that?",
    "which expression is this? explain.", "explain {whose} expression.",
    "what makes you think so? look at {face}.", "how can you tell what {who} {is_} feeling?",
    "what in {face} tells you the emotion?", "read {face} for me.",
    "please explain the expression of {them}.", "could you describe what {who} {is_} expressing?",
    "what is {who} expressing? give your reasons.", "what does {face} tell you?",
    "analyse {whose} expression.", "analyze {face}.", "walk me through {whose} expression.",
    "what emotion, and what is the evidence?", "which signs of emotion can you see?",
    "what would a FACS expert say about {them}?", "give evidence for {whose} expression.",
    "tell me how {who} {looks} and why.", "is there any emotion in {face}? explain.",
    "I want to understand {whose} expression.", "name the emotion and justify it.",
    "what is going on in {face}?", "on what do you base the emotion of {them}?",
    "which facial movements show what {who} {is_} feeling?",
)  # fmt: skip


class ReasoningAnswer(ExpressionAnswer):
    """The expression of a face with the evidence for it."""

    thought: Thought | None = None
    """The evidence; None where the response has no think block."""
    rated: tuple[int, ...] | None = None
    """Units the gold knows about; others are unscored. None: all. Not part of the text."""
    optional: tuple[int, ...] = ()
    """Units that act too weakly to be asked for and too clearly to be wrong. Not in the text."""


@cache
def supporting(emotion: str) -> frozenset[int]:
    """The units that count as signs of an emotion: core, their variants and usual company."""
    variants = VARIANTS.get(emotion, {})
    return frozenset(
        (*PROTOTYPES[emotion], *OFTEN_WITH.get(emotion, ()), *sum(variants.values(), ()))
    )


_RIVALS = sorted(
    (name for name in PROTOTYPES if name not in ("neutral", "contempt")),
    key=lambda name: name != "happiness",
)
"""Where several share as much, the first of these is the closest."""


def telling_absences(emotion: str, units: dict[int, float]) -> tuple[int, ...]:
    """Up to two absent units that matter: of the emotion's prototype, else of its closest rival.

    The rival shares the most core units with what is seen; its missing units tell it apart.
    """
    seen = {n for n, value in units.items() if value >= EVIDENCE_FROM}
    shared = {name: len(seen.intersection(PROTOTYPES[name])) for name in _RIVALS}
    rivals = sorted((n for n in _RIVALS if n != emotion), key=shared.__getitem__, reverse=True)
    candidates = dict.fromkeys(
        n for name in (emotion, *rivals[:2]) for n in PROTOTYPES[name] if n in units
    )
    absent = [n for n in candidates if units[n] < ABSENT_BELOW]
    return tuple(absent[:ABSENT_LIMIT])


class ReasoningTask(Task[ReasoningAnswer]):
    """State the evidence in a face and conclude its expression."""

    name = "reasoning"
    target_draws = False
    schema = ExpressionAnswer
    canonical = "Which expression does {face} show, and why?"
    suffix = "Think first, then answer with the emotion as JSON."
    asks = (
        "Explain the expression of {face}.",
        "What emotion does {face} show? Give evidence.",
        "Which action units of {face} indicate which emotion?",
    )

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do for an expression and its reasons."""
        return ask(rng, len(sample.faces), face, PROSE_QUESTIONS)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> ReasoningAnswer | None:
        """Evidence from the labelled units; needs an emotion and action units. Not random."""
        labels = labels_of(sample, face)
        if labels is None or labels.emotion is None or labels.action_units is None:
            return None
        units = labels.action_units
        evidence = strongest(units, EVIDENCE_LIMIT, EVIDENCE_FROM)
        signs = supporting(labels.emotion)
        supported = [n for n in evidence if n in signs or labels.emotion == "neutral"]
        thought = Thought.of_face(
            [state(n, whole(value)) for n, value in evidence.items()],
            telling_absences(labels.emotion, units),
            conclude(supported, labels.emotion),
        )
        optional = [n for n in units if n not in evidence and units[n] >= OPTIONAL_FROM]
        return ReasoningAnswer.trusted(
            emotion=labels.emotion,  # a noun: `supporting` knows no other word
            thought=thought,
            rated=tuple(sorted(units)),
            optional=tuple(sorted(optional)),
        )

    def render(
        self,
        answer: ReasoningAnswer,
        register: Register = "task",
        rng: random.Random | None = None,
    ) -> str:
        """Write think and answer block, or sentences with citations and the emotion."""
        if register == "task":
            return render_response(answer.thought, {"emotion": answer.emotion})
        thought = answer.thought or Thought()
        supported = not supporting(answer.emotion).isdisjoint(thought.units)
        return render_prose(thought, answer.emotion, rng, supported, faint=bool(answer.optional))

    def parse(self, text: str) -> ReasoningAnswer | Unanswerable | ParseFailure:
        """Read both blocks, an answer block alone, or prose that names one emotion."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is None:
            thought, emotion = parse_prose(text), named_emotion(text)
            for part in (thought, emotion):
                if isinstance(part, ParseFailure):
                    return part
            return ReasoningAnswer.model_validate({"emotion": emotion, "thought": thought})
        try:
            answer = ExpressionAnswer.model_validate(blocks.answer)
        except ValidationError as error:
            return ParseFailure(reason=first_error(error), text=text)
        return ReasoningAnswer(emotion=answer.emotion, thought=blocks.thought)

    def compare(self, prediction: ReasoningAnswer | None, gold: ReasoningAnswer) -> Score:
        """0.5 `emotion` (exact) + 0.4 `evidence_f1` + 0.1 `format` (0 without any thought).

        `evidence_f1` is the F1 of stated against gold units; a unit the gold holds that is called
        absent, is one more error. Units of gold that are unlabelled or optional do not count.
        """
        if prediction is None:
            return Score(value=0.0, parts=dict.fromkeys(WEIGHTS, 0.0))
        parts = {
            "emotion": float(prediction.emotion == gold.emotion),
            "evidence_f1": _evidence_f1(prediction.thought, gold),
            "format": float(prediction.thought is not None),
        }
        value = sum(WEIGHTS[name] * part for name, part in parts.items())
        return Score(value=min(1.0, value), parts=dict(parts))

    def metrics(self, scored: Sequence[Scored[ReasoningAnswer]]) -> dict[str, Interval]:
        """Add the mean of every part over the scored samples."""
        return {**super().metrics(scored), **self.part_means(scored, tuple(WEIGHTS))}


def _evidence_f1(thought: Thought | None, gold: ReasoningAnswer) -> float:
    wanted = set(gold.thought.units) if gold.thought is not None else set()
    if thought is None:
        return 0.0
    stated = {n for n in thought.units if _counts(n, gold.rated, gold.optional)}
    return set_f1(stated, wanted, errors=len(wanted & set(thought.absent)))


def _counts(n: int, rated: Collection[int] | None, optional: Collection[int]) -> bool:
    return (rated is None or n in rated) and n not in optional
