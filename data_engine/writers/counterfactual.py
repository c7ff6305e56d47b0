"""What if: the expression without one action unit, and what it would take to look otherwise.

Answers follow from the prototypes of `facellm.core.emotions`, not from a guess: a changed set of
units reads as an emotion where it holds that emotion's whole core pattern, else as none clearly.
Units that would act are named by code without a citation, since a citation states what is seen.
"""

import random
from collections.abc import Iterator
from typing import Any, ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, Brief
from data_engine.writers.meaning import READ, acting, codes, core_seen, missing_core, reading
from data_engine.writers.talk import Turn, about_faces
from data_engine.writers.truth import is_weak
from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.emotions import PROTOTYPES
from facellm.core.evidence import state
from facellm.core.grammar import cite
from facellm.core.prose import capitalised, listing
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks.reasoning import ABSENT_BELOW, supporting
from facellm.tasks.units import whole
from facellm.tasks.wording import ask

REMOVED = (
    "if AU{n} were absent, which expression would {who} show?",
    "imagine AU{n} away: how would {face} look?", "take AU{n} out of {face}. what is left?",
    "would {whose} expression change if AU{n} were switched off?",
    "how would {face} read if AU{n} did not act?",
    "remove AU{n} from {face}: which expression then?",
    "suppose AU{n} relaxed. what would {face} show?", "what if AU{n} were at rest in {face}?",
    "does the expression of {them} depend on AU{n}?",
)  # fmt: skip
WANTED = (
    "what would have to change for {face} to look {adjective}?",
    "what would make {face} look {adjective}?", "how could {who} look {adjective} instead?",
    "which action units would turn this into {noun}, for {them}?",
    "what does {face} lack to look {adjective}?", "how far {is_} {who} from looking {adjective}?",
    "what should {who} move to look {adjective}?",
)  # fmt: skip
NO_CHANGE = ("It would make no difference.", "The expression would stay the same.")
STAYS = (
    "The face would still look {adjective}.", "It would go on looking {adjective}.",
    "The expression would still read as {adjective}.",
)  # fmt: skip
NO_SIGN = (
    "AU{n} belongs to other patterns.", "The expression comes from other signs.",
    "Other signs than AU{n} make this expression.",
)  # fmt: skip
BECOMES = (
    "If it went, {left} would be left, the usual pattern of {noun}, and the face would look "
    "{adjective}.",
    "If only {left} remained, the face would look {adjective}.",
    "People would read the face as {adjective} if {left} acted alone.",
)  # fmt: skip
RESTS = (
    "If it went, the face would be at rest and look {adjective}.",
    "The face would look {adjective} if this last movement went.",
)  # fmt: skip
UNCLEAR = (
    "If it went, the pattern would lose one of its signs, and {left} would point to no other "
    "expression.",
    "If only {left} remained, the expression would be fainter, and no other would take its place.",
    "The expression would grow less clear if {left} acted alone, which is the whole pattern of "
    "none.",
)  # fmt: skip
ACT = (
    "It would look so if {units} acted.",
    "The pattern would be there if {units} acted.",
    "If {units} joined in, people would read it that way.",
)
RELAX = (
    "It would be clearer if {units} relaxed.", "It would also help if {units} faded.",
    "If {units} went as well, other patterns would be gone.",
)  # fmt: skip
ALREADY = (
    "The face already looks {adjective}.", "It already looks {adjective}.",
    "It looks {adjective} as it is.",
)  # fmt: skip
FULLER = ("The pattern would be full if {units} joined.", "If {units} acted, it would be clearer.")
NOW = ("Now the face looks {adjective}.", "At present it looks {adjective}.")
HAS_CORE = ("{units} is there already.", "Of the pattern, {units} acts already.")
HAVE_CORE = ("{units} are there already.", "Of the pattern, {units} act already.")
CORE = frozenset(n for name in READ for n in PROTOTYPES[name])
ASKED = (
    "Answer the what-if question in one to three sentences from the prototypes of the basic "
    "emotions. Cite only units that act now; name hypothetical ones by their bare code, in a "
    "sentence with if."
)


def _now(n: int, value: float, rng: random.Random) -> str:
    """How the unit acts now."""
    clause = rng.choice(CLAUSES[n].clauses)
    start = rng.choice(("Now {}.", "At present {}.", "{}."))
    return capitalised(start.format(f"{clause} {cite(state(n, whole(value)))}"))


def _named(units: list[int]) -> str:
    return listing([f"AU{n}" for n in sorted(units)])


def _without(
    labels: FaceLabels, rng: random.Random
) -> tuple[tuple[str, ...], dict[str, str], str, dict[str, Any]] | None:
    """Ask for the expression without one unit; as often an absent one as one that acts.

    None where a core unit of any emotion is unlabelled: what would be left could not be known.
    """
    assert labels.emotion is not None and labels.action_units is not None
    units, emotion = labels.action_units, labels.emotion
    if not set(units) >= CORE:
        return None
    seen = acting(units)
    absent = sorted(n for n, value in units.items() if value < ABSENT_BELOW)
    pools = [pool for pool in (seen, absent) if pool]
    if len(pools) < 2:
        return None
    n = rng.choice(rng.choice(pools))
    adjective = rng.choice(ADJECTIVES[emotion])
    left = [m for m in seen if m != n]
    after: str | None = emotion
    if n in absent:
        now = rng.choice((f"AU{n} is absent already.", f"AU{n} is absent as it is."))
        parts = [now, rng.choice(NO_CHANGE), rng.choice(STAYS).format(adjective=adjective)]
    elif emotion == "neutral" or n not in supporting(emotion):
        parts = [_now(n, units[n], rng), rng.choice(NO_SIGN).format(n=n),
                 rng.choice(STAYS).format(adjective=adjective)]  # fmt: skip
    else:
        after = reading(left)
        templates = UNCLEAR if after is None else RESTS if after == "neutral" else BECOMES
        if after == emotion:
            templates = STAYS
        adjective = rng.choice(ADJECTIVES[after]) if after else ""
        text = rng.choice(templates)
        text = text.format(left=codes(left), noun=after, adjective=adjective)
        parts = [_now(n, units[n], rng), text]
    truth = {"kind": "without", "action_unit": n, "emotion": after}
    return REMOVED, {"n": str(n)}, " ".join(parts), truth


def _towards(
    labels: FaceLabels, rng: random.Random
) -> tuple[tuple[str, ...], dict[str, str], str, dict[str, Any]] | None:
    """Ask what it takes to look like a random one of the basic emotions, the shown one included."""
    assert labels.emotion is not None and labels.action_units is not None
    units = labels.action_units
    targets = [name for name in READ if set(PROTOTYPES[name]) <= set(units)]
    if not targets:
        return None
    target = rng.choice(targets)
    seen = acting(units)
    adjective = rng.choice(ADJECTIVES[target])
    add = missing_core(target, seen)
    relax = [n for n in seen if n not in supporting(target)]
    if target == labels.emotion:
        relax = []
        parts = [rng.choice(ALREADY).format(adjective=adjective)]
        if add:
            parts = [f"It already looks {adjective}.", rng.choice(FULLER).format(units=_named(add))]
    else:
        have = core_seen(target, seen)
        if have and rng.random() < 0.5:
            templates = HAVE_CORE if len(have) > 1 else HAS_CORE
            parts = [rng.choice(templates).format(units=_named(have))]
        else:
            parts = [rng.choice(NOW).format(adjective=rng.choice(ADJECTIVES[labels.emotion]))]
        if add:
            parts.append(rng.choice(ACT).format(units=_named(add)))
        if relax:
            parts.append(rng.choice(RELAX).format(units=_named(relax)))
        if not add and not relax:
            parts.append(f"If action units alone counted, people would say {target}.")
    truth = {"kind": "towards", "target": target, "add": add, "relax": relax}
    slots = {"adjective": adjective, "noun": target}
    return WANTED, slots, " ".join(parts), truth


def _fits(labels: FaceLabels) -> bool:
    return labels.emotion not in (None, "contempt") and labels.action_units is not None


class Counterfactual(Writer):
    """What-if questions about one face."""

    name: ClassVar[str] = "counterfactual"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Four questions about faces whose emotion and action units are labelled."""
        yield from about_faces(self.name, item, rng, _fits, _turn)


def _turn(picture: Sample, face: int, labels: FaceLabels, rng: random.Random) -> Turn | None:
    made = rng.choice((_without, _towards))(labels, rng)
    if made is None:
        return None
    templates, slots, text, truth = made
    question = ask(rng, len(picture.faces), face, templates, **slots)
    weak = is_weak(labels, "emotion", "action_units")
    return Turn(question, text, "counterfactual", truth, Brief(ASKED, [labels], PROSE), weak)
