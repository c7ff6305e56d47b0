"""What one part of a face does: `{"region": "mouth", "action_units": {"AU12": 3}}`."""

import random
from collections.abc import Sequence
from functools import cache, lru_cache

from pydantic import ValidationError, field_validator

from facellm.core.evidence import FACE_ORDER, region_name, state, units_acting_in
from facellm.core.grammar import REGION_OF_NAME, ParseFailure, first_error, render_answer
from facellm.core.prose import describe_units
from facellm.core.read_prose import parse_prose
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task, labels_of
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.units import (
    LISTED_FROM,
    RIG_SET,
    RIG_UNITS,
    Intensity,
    intensity_agreement,
    presence_f1,
    read_units,
    to_json,
    whole,
)
from facellm.tasks.wording import ask, the_face

ASKED = (
    "forehead", "brows", "glabella", "eyes", "nose", "cheeks", "nasolabial_folds", "mouth",
    "inner_mouth", "chin", "jaw",
)  # fmt: skip
"""Regions that are asked about: pairs where there are two sides, since labels have no side."""

QUESTIONS = (
    "Describe the {region} of {face}.",
    "What happens at the {region} of {face}?",
    "Which action units show at the {region} of {face}?",
)
PROSE_QUESTIONS = (
    "what {is_r} {whose} {region} doing?", "describe {whose} {region}.", "and the {region}?",
    "what about {whose} {region}?", "what do you see at {whose} {region}?",
    "look at {whose} {region}. what do you see?", "how {do_r} {whose} {region} look?",
    "is anything happening at {whose} {region}?", "tell me about {whose} {region}.",
    "what happens around {whose} {region}?", "can you describe {whose} {region}?",
    "please describe the {region} of {them}.", "{region}?", "anything at the {region}?",
    "which action units show at {whose} {region}?", "what movement is there at {whose} {region}?",
    "which muscles act on {whose} {region}?", "zoom in on {whose} {region}: what is happening?",
    "how would you code {whose} {region}?", "{is_r} {whose} {region} relaxed?",
    "{is_r} {whose} {region} moving?", "what's going on with {whose} {region}?",
    "could you look at {whose} {region}?", "say something about {whose} {region}.",
    "what does the {region} of {them} show?",
)  # fmt: skip
NOTHING = (
    "Nothing notable is happening at the {region}.", "There is nothing notable at the {region}.",
    "Nothing notable shows at the {region}.", "At the {region} there is nothing notable.",
)  # fmt: skip


class RegionJson(Record):
    """The JSON of the answer."""

    region: str
    """One of the regions or pairs as people write them, such as `nasolabial folds`."""
    action_units: dict[str, Intensity]
    """FACS code → intensity 0-5 of the units that act there."""

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in REGION_OF_NAME:
            raise ValueError(f"{value!r} is not a face region")
        return value


class RegionAnswer(Record):
    """What acts in one region of a face."""

    region: str | None
    """A region or pair; None where prose leaves it to the question."""
    units: dict[int, float]
    """AU number → intensity 0-5."""


@cache
def region_units(region: str) -> tuple[int, ...]:
    """The units that an answer about a region may list: those of the rig that act there."""
    return tuple(n for n in units_acting_in(region) if n in RIG_UNITS)


def answerable_regions(labels: FaceLabels | None) -> tuple[str, ...]:
    """The regions whose units are all labelled, top to bottom.

    Not those where a unit acts that no answer may list: they would be called quiet.
    """
    units = (labels.action_units or {}) if labels is not None else {}
    unlisted = (n for n in units.keys() - RIG_SET if units[n] >= LISTED_FROM)
    return _answerable(frozenset(units), frozenset(unlisted))


@lru_cache(1024)  # a corpus labels the same few sets of units over and over
def _answerable(units: frozenset[int], unlisted: frozenset[int]) -> tuple[str, ...]:
    return tuple(
        region
        for region in ASKED
        if units.issuperset(region_units(region)) and unlisted.isdisjoint(units_acting_in(region))
    )


def _plural(region: str) -> bool:
    return region in ("brows", "eyes", "cheeks", "nasolabial_folds")


class RegionQuestionTask(Task[RegionAnswer]):
    """Tell what one region of a face does.

    `question` and `target` draw the region first, so equal seeds speak about the same one.
    """

    name = "region_question"
    schema = RegionJson
    canonical = "What does the mouth of {face} do?"
    suffix = "Answer with the region as JSON."
    asks = ()

    def _region(self, sample: Sample, rng: random.Random, face: int) -> str:
        return rng.choice(answerable_regions(labels_of(sample, face)) or ("mouth",))

    def question(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> str:
        """Ask about a region whose units are all labelled; the mouth where there is none."""
        region = self._region(sample, rng, face)
        if register == "prose":
            return self._prose(sample, rng, face, region)
        named = the_face(rng, len(sample.faces), face)
        verb = "do" if _plural(region) else "does"
        template = rng.choice((f"What {verb} the {{region}} of {{face}} do?", *QUESTIONS))
        return f"{template.format(region=region_name(region), face=named)} {self.suffix}"

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return self._prose(sample, rng, face, self._region(sample, rng, face))

    def _prose(self, sample: Sample, rng: random.Random, face: int, region: str) -> str:
        verbs = {"is_r": "are", "do_r": "do"} if _plural(region) else {"is_r": "is", "do_r": "does"}
        name = region_name(region)
        return ask(rng, len(sample.faces), face, PROSE_QUESTIONS, region=name, **verbs)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> RegionAnswer | None:
        """The units of 1 or more, rounded, in the region that the generator draws."""
        labels = labels_of(sample, face)
        regions = answerable_regions(labels)
        if labels is None or labels.action_units is None or not regions:
            return None
        region = rng.choice(regions)  # as `_region` draws it
        units = {n: whole(labels.action_units[n]) for n in region_units(region)}
        return RegionAnswer(
            region=region, units={n: value for n, value in units.items() if value >= LISTED_FROM}
        )

    def render(
        self, answer: RegionAnswer, register: Register = "task", rng: random.Random | None = None
    ) -> str:
        """Write the JSON block, or sentences that cite the units."""
        name = region_name(answer.region or "mouth")
        if register == "task":
            return render_answer({"region": name, "action_units": to_json(answer.units)})
        rng = rng or random.Random(0)
        if not answer.units:
            return rng.choice(NOTHING).format(region=name)
        seen = [state(n, value) for n, value in sorted(answer.units.items()) if value > 0]
        return " ".join(describe_units(seen, rng))

    def parse(self, text: str) -> RegionAnswer | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, or prose that cites units or says nothing is notable."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is not None:
            return _from_json(blocks.answer, text)
        for region in FACE_ORDER:
            if text.strip() in [s.format(region=region_name(region)) for s in NOTHING]:
                return RegionAnswer(region=region, units={})
        thought = parse_prose(text)
        if isinstance(thought, ParseFailure):
            return thought
        if not thought.units:
            return ParseFailure(reason="no action unit is cited", text=text)
        units = {n: 2.0 if value is None else value for n, value in thought.units.items()}
        return RegionAnswer(region=None, units=units)

    def compare(self, prediction: RegionAnswer | None, gold: RegionAnswer) -> Score:
        """The mean of `f1` and `intensity` as for action units; 0 for another `region`.

        A unit that does not act in the region is an error like any other.
        """
        if prediction is None:
            return Score(value=0.0, parts={"region": 0.0, "f1": 0.0, "intensity": 0.0})
        region = float(prediction.region in (None, gold.region))
        presence = presence_f1(prediction.units, gold.units)
        intensity = intensity_agreement(prediction.units, gold.units)
        return Score(
            value=region * (presence + intensity) / 2,
            parts={"region": region, "f1": presence, "intensity": intensity},
        )

    def metrics(self, scored: Sequence[Scored[RegionAnswer]]) -> dict[str, Interval]:
        """Add the mean of every part over the scored samples."""
        return {**super().metrics(scored), **self.part_means(scored, ("region", "f1", "intensity"))}


def _from_json(answer: dict[str, object], text: str) -> RegionAnswer | ParseFailure:
    try:
        read = RegionJson.model_validate(answer)
    except ValidationError as error:
        return ParseFailure(reason=first_error(error), text=text)
    units = read_units(read.action_units)
    if isinstance(units, str):
        return ParseFailure(reason=units, text=text)
    return RegionAnswer(region=REGION_OF_NAME[read.region], units=units)
