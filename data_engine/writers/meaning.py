"""What a combination of action units says about an expression, from the prototypes alone.

The statements hold for any face with these units: they tell what people usually read from them,
and are built from `PROTOTYPES`, `VARIANTS` and `OFTEN_WITH` of `facellm.core.emotions`.
"""

import random
from collections.abc import Collection, Mapping, Sequence

from facellm.core.emotions import PROTOTYPES, VARIANTS
from facellm.core.prose import listing
from facellm.core.sample import FaceLabels
from facellm.tasks.reasoning import EVIDENCE_FROM, supporting

READ = tuple(name for name in PROTOTYPES if name not in ("neutral", "contempt"))
"""Emotions told apart by units alone; contempt needs the side, which labels do not hold."""
_SIGNS = {name: supporting(name) for name in READ}


def acting(units: Mapping[int, float]) -> list[int]:
    """The units strong enough to be evidence, ascending."""
    return sorted(n for n, value in units.items() if value >= EVIDENCE_FROM)


def codes(units: Collection[int], between: str = " + ") -> str:
    """Units by their codes: `AU1 + AU4`."""
    return between.join(f"AU{n}" for n in sorted(units))


def core_seen(emotion: str, units: Collection[int]) -> list[int]:
    """The units among these that are core units of the emotion or stand in for one."""
    variants = VARIANTS.get(emotion, {})
    seen = set()
    for core in PROTOTYPES[emotion]:
        seen |= {n for n in (core, *variants.get(core, ())) if n in units}
    return sorted(seen)


def carries(labels: FaceLabels) -> bool:
    """Whether the known units can carry a conclusion about the labelled emotion.

    A tool is blind to many units: where those it reads hold no core sign of the emotion, a chain
    of thought would conclude it from nothing, such as happiness from parted lips. Units that people
    coded, or the renderer set, always count: there the weak evidence is the truth.
    """
    if labels.emotion is None or labels.action_units is None:
        return False
    if labels.emotion == "neutral" or "action_units" not in labels.weak:
        return True
    return bool(core_seen(labels.emotion, acting(labels.action_units)))


def missing_core(emotion: str, units: Collection[int]) -> list[int]:
    """Core units of the emotion that neither act nor are stood in for."""
    variants = VARIANTS.get(emotion, {})
    return [n for n in PROTOTYPES[emotion] if not {n, *variants.get(n, ())} & set(units)]


def reading(units: Collection[int]) -> str | None:
    """The emotion whose whole prototype these units hold, with no sign of others alone among them.

    The richest such emotion; None where there is none. No unit at all reads as neutral.
    """
    if not units:
        return "neutral"
    signs = {n for n in units if any(n in _SIGNS[name] for name in READ)}
    whole = [name for name in READ if not missing_core(name, units) and signs <= _SIGNS[name]]
    return max(whole, key=lambda name: len(PROTOTYPES[name])) if whole else None


def associations(units: Sequence[int]) -> str:
    """Which emotions each unit occurs in: `AU1 and AU4 occur in sadness and fear, AU15 in …`.

    Units that are no sign of any emotion are left out; empty where none is left.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for n in units:
        names = tuple(name for name in READ if n in _SIGNS[name])
        if names:
            groups.setdefault(names, []).append(n)
    parts: list[str] = []
    for names, members in groups.items():
        verb = "" if parts else " occur" if len(members) > 1 else " occurs"
        parts.append(f"{listing([f'AU{n}' for n in members])}{verb} in {listing(names)}")
    return f"{', '.join(parts)}." if parts else ""


def core_share(emotion: str, units: Collection[int], rng: random.Random) -> str:
    """How much of the emotion's prototype acts; empty where nothing does."""
    seen, total = core_seen(emotion, units), len(PROTOTYPES[emotion])
    missing = missing_core(emotion, units)
    if not seen:
        return ""
    one = len(seen) == 1
    if not missing:
        return rng.choice((
            f"{codes(seen)} {'is' if one else 'are'} the whole core pattern of {emotion}.",
            f"All core signs of {emotion} act.",
            f"The core pattern of {emotion} is complete.",
        ))  # fmt: skip
    share = f"{total - len(missing)} of the {total}"
    return rng.choice((
        f"{codes(seen)} {'covers' if one else 'cover'} {share} core signs of {emotion}.",
        f"Of {total} core signs of {emotion}, {total - len(missing)} can be seen.",
    ))  # fmt: skip


def rivals_excluded(emotion: str, absent: Sequence[int], rng: random.Random) -> str:
    """What absent units speak against: the expressions that need them, where this one does not."""
    for n in (n for n in absent if n not in PROTOTYPES[emotion]):
        names = [name for name in READ if n in PROTOTYPES[name]]
        if names:
            others = " or ".join(names)
            return rng.choice((
                f"AU{n} is absent, which speaks against {others}.",
                f"Without AU{n} it is not the pattern of {others}.",
                f"That AU{n} is absent rules out {others}.",
            ))  # fmt: skip
    return ""
