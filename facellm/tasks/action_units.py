"""Which action units act and how strongly: `<answer>{"AU6": 2, "AU12": 4}</answer>`."""

import random
from collections.abc import Sequence

from facellm.core.evidence import state
from facellm.core.facs import PROTOCOLS
from facellm.core.grammar import ParseFailure, render_answer
from facellm.core.prose import AT_REST, describe_units, listing
from facellm.core.read_prose import parse_prose
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task, answered, labels_of
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.unit_metrics import unit_metrics
from facellm.tasks.units import (
    LISTED_FROM,
    RIG_SET,
    UnitIntensities,
    intensity_agreement,
    presence_f1,
    read_units,
    to_json,
    whole,
)
from facellm.tasks.wording import ask, the_face

PROSE_QUESTIONS = (
    "which action units are active?", "which action units {does} {who} show?",
    "list {whose} action units.", "what AUs can you see?", "AUs?", "FACS code this face.",
    "code {face} in FACS.", "what facial muscles {is_} {who} using?",
    "which muscles of {face} move?", "please list the active action units.",
    "could you give me the FACS codes for {them}?", "what are the action units here?",
    "which AUs are present and how strong are they?", "how intense are {whose} action units?",
    "give me a FACS reading.", "tell me which action units you see and their intensity.",
    "what is moving in {face}?", "what movements does {face} show?",
    "which parts of {face} are active?", "do a FACS analysis of {them}.",
    "what would a FACS coder write down here?", "action units please",
    "I need the action units of {them}.", "which facial movements are visible?",
    "can you code {whose} facial movements?", "what facial actions {does} {who} show?",
)  # fmt: skip
NAMED_PROSE_QUESTIONS = (
    "how strong are {units}?", "rate {units} for {them}.", "can you see {units}?",
    "please judge {units}.", "which of {units} {does} {who} show?", "what about {units}?",
)  # fmt: skip
NAMED_QUESTIONS = (
    "Rate {units} of {face} from 0 to 5.",
    "How strong are {units} of {face}?",
)
NOTHING = (*AT_REST, "No action unit is active.", "I can see no active action unit.")


class ActionUnitsAnswer(Record):
    """The action units of one face."""

    units: dict[int, float]
    """AU number → intensity 0-5; rated units that are missing are absent."""
    rated: tuple[int, ...] | None = None
    """Units the gold knows about and the score counts; None counts all. Not part of the text."""


def _rated(labels: FaceLabels | None) -> tuple[int, ...]:
    """The units to answer about: those that are labelled."""
    known = labels.action_units if labels is not None else None
    return tuple(sorted(known)) if known is not None else ()


def _open(rated: Sequence[int]) -> bool:
    """Whether so many units are labelled that an open question can be asked, or none at all."""
    return not rated or RIG_SET.issubset(rated)


class ActionUnitsTask(Task[ActionUnitsAnswer]):
    """List the action units of a face with their intensities."""

    name = "action_units"
    target_draws = False
    schema = UnitIntensities
    canonical = "Which action units does {face} show?"
    suffix = "Answer with intensities as JSON."
    asks = (
        "List the action units of {face}.",
        "Which action units are active on {face}, and how strongly?",
        "Code the action units of {face}.",
    )

    def question(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> str:
        """Ask for all units, or for the labelled ones by name where the labels are partial."""
        rated = _rated(labels_of(sample, face))
        if register == "prose" or _open(rated):
            return super().question(sample, rng, face, register)
        named = the_face(rng, len(sample.faces), face)
        units = listing([f"AU{n}" for n in rated])
        return f"{rng.choice(NAMED_QUESTIONS).format(units=units, face=named)} {self.suffix}"

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do; partial labels are asked for by name."""
        rated = _rated(labels_of(sample, face))
        if _open(rated):
            return ask(rng, len(sample.faces), face, PROSE_QUESTIONS)
        units = listing([f"AU{n}" for n in rated])
        return ask(rng, len(sample.faces), face, NAMED_PROSE_QUESTIONS, units=units)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> ActionUnitsAnswer | None:
        """Whole intensities: the units of 1 or more, or every named unit for partial labels."""
        labels = labels_of(sample, face)
        rated = _rated(labels)
        if labels is None or labels.action_units is None or not rated:
            return None
        known = labels.action_units
        if _open(rated):
            acting = {n: whole(known[n]) for n in rated if known[n]}  # most units do not act
            units = {n: value for n, value in acting.items() if value >= LISTED_FROM}
        else:
            units = {n: whole(known[n]) for n in rated}
        return ActionUnitsAnswer.trusted(units=units, rated=rated)

    def render(
        self,
        answer: ActionUnitsAnswer,
        register: Register = "task",
        rng: random.Random | None = None,
    ) -> str:
        """Write the JSON block, or sentences that cite every unit above 0."""
        if register == "task":
            return render_answer(to_json(answer.units))
        rng = rng or random.Random(0)
        seen = [state(n, value) for n, value in sorted(answer.units.items()) if value > 0]
        absent = [f"AU{n}" for n, value in sorted(answer.units.items()) if value == 0]
        parts = describe_units(seen, rng) if seen else [] if absent else [rng.choice(NOTHING)]
        if absent:
            parts.append(f"{listing(absent)} {'is' if len(absent) == 1 else 'are'} absent.")
        return " ".join(parts)

    def parse(self, text: str) -> ActionUnitsAnswer | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, or prose; a citation without a word counts as 2.

        Prose that neither cites a unit nor is a sentence of `NOTHING` is a failure.
        """
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is not None:
            units = read_units(blocks.answer)
            if isinstance(units, str):
                return ParseFailure(reason=units, text=text)
            return ActionUnitsAnswer(units=units)
        thought = parse_prose(text)
        if isinstance(thought, ParseFailure):
            return thought
        if not thought.units and not thought.absent and text.strip() not in NOTHING:
            return ParseFailure(reason="no action unit is cited", text=text)
        seen = {n: 2.0 if value is None else value for n, value in thought.units.items()}
        return ActionUnitsAnswer(units={**seen, **dict.fromkeys(thought.absent, 0.0)})

    def compare(self, prediction: ActionUnitsAnswer | None, gold: ActionUnitsAnswer) -> Score:
        """The mean of `f1` (presence at 2 or more) and `intensity` (1 − mean |Δ| / 5)."""
        if prediction is None:
            return Score(value=0.0, parts={"f1": 0.0, "intensity": 0.0})
        presence = presence_f1(prediction.units, gold.units, gold.rated)
        intensity = intensity_agreement(prediction.units, gold.units, gold.rated)
        return Score(
            value=(presence + intensity) / 2, parts={"f1": presence, "intensity": intensity}
        )

    def metrics(
        self, scored: Sequence[Scored[ActionUnitsAnswer]], protocol: str = "disfa12"
    ) -> dict[str, Interval]:
        """Add the numbers of `unit_metrics`; a response that fails counts as no unit at all."""
        rated = [
            ({} if p is None else p.units, _rated_gold(g, PROTOCOLS[protocol].units), subject)
            for p, g, subject in answered(scored)
        ]
        return {**super().metrics(scored), **unit_metrics(rated, protocol)}


def _rated_gold(gold: ActionUnitsAnswer, units: Sequence[int]) -> dict[int, float]:
    rated = units if gold.rated is None else gold.rated
    return {n: gold.units.get(n, 0.0) for n in units if n in rated}
