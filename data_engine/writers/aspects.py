"""The aspects of a description, each a sentence or two from labels, silent where there are none."""

import random
from collections.abc import Callable, Sequence

from data_engine.writers.attributes import attribute
from data_engine.writers.caption import describe_gaze
from facellm.core.clauses import CLAUSES
from facellm.core.evidence import FACE_ORDER, line_region, region_name, state, units_acting_in
from facellm.core.grammar import cite
from facellm.core.prose import capitalised, listing
from facellm.core.sample import Face, FaceLabels, Sample
from facellm.tasks.caption import describe_pose, pose_facts
from facellm.tasks.region_question import ASKED, region_units
from facellm.tasks.units import LISTED_FROM, whole

HAS = ("The face has {}.", "The person has {}.", "You can see {}.", "Visible are {}.")
WEARS = ("The person wears {}.", "The person is wearing {}.", "Worn: {}.")
BARE = ("There is no sign of {}.", "{} cannot be seen.")
QUALITY = (
    (0.35, ("The picture of the face is poor.", "The face is hard to make out.")),
    (0.7, ("The picture of the face is fair.", "The face is shown with medium quality.")),
    (1.1, ("The picture of the face is clear.", "The face is sharp and well lit.")),
)
REAL = ("The face shows no traces of manipulation.", "The picture looks as the camera took it.")
FAKE = ("The face has been generated or manipulated.", "This is not a face as a camera saw it.")
AT_REST = ("Nothing notable happens at the {}.", "There is nothing notable at the {}.")
VALENCE_FROM = 0.3
HIDDEN_FROM = 0.15
"""Share of hidden points from which that is worth a word."""
REGION_UNITS = {region: region_units(region) for region in ASKED}
ACTING = {region: units_acting_in(region) for region in ASKED}
"""All units that act in a region, also those that need no label for it to be called quiet."""


def _phrases(labels: FaceLabels, aspect: str, value: bool) -> list[str]:
    known = labels.attributes or {}
    said = [attribute(name) for name in sorted(known) if known[name] is value]
    return [one.phrase for one in said if one is not None and one.aspect == aspect]


def _attributes(
    aspect: str, templates: Sequence[str], labels: FaceLabels, rng: random.Random
) -> str:
    parts = []
    seen = _phrases(labels, aspect, True)
    if seen:
        parts.append(rng.choice(templates).format(listing(seen)))
    absent = _phrases(labels, aspect, False)
    if absent and (not seen or rng.random() < 0.3):
        named = rng.sample(absent, min(len(absent), 2))
        parts.append(capitalised(rng.choice(BARE).format(listing(named, "or"))))
    return " ".join(parts)


def appearance(face: Face, picture: Sample, rng: random.Random) -> str:
    """The apparent age, in decades."""
    if face.labels.age is None:
        return ""
    decade = int(face.labels.age) // 10 * 10
    age = "a child" if decade == 0 else "a teenager" if decade == 10 else f"in the {decade}s"
    return rng.choice((f"The person appears to be {age}.", f"By looks the person is {age}."))


def structure(face: Face, picture: Sample, rng: random.Random) -> str:
    """The shape of the face and its parts."""
    return _attributes("structure", HAS, face.labels, rng)


def skin_and_hair(face: Face, picture: Sample, rng: random.Random) -> str:
    """Skin, hair and beard."""
    return _attributes("skin_and_hair", HAS, face.labels, rng)


def worn(face: Face, picture: Sample, rng: random.Random) -> str:
    """What is worn on face and head."""
    return _attributes("worn", WEARS, face.labels, rng)


def quality(face: Face, picture: Sample, rng: random.Random) -> str:
    """How well the picture shows the face."""
    if face.labels.quality is None:
        return ""
    value = face.labels.quality
    return rng.choice(next(texts for limit, texts in QUALITY if value < limit))


def pose(face: Face, picture: Sample, rng: random.Random) -> str:
    """How the head is held."""
    angles = face.labels.pose
    return "" if angles is None else describe_pose(pose_facts(angles), rng)


def gaze(face: Face, picture: Sample, rng: random.Random) -> str:
    """Where the eyes look, after how the head is held where that is known."""
    if face.labels.gaze is None:
        return ""
    return f"{pose(face, picture, rng)} {describe_gaze(face.labels.gaze, rng)}".strip()


def forensic(face: Face, picture: Sample, rng: random.Random) -> str:
    """Whether the face is as the camera saw it."""
    if face.labels.authentic is None:
        return ""
    if face.labels.authentic:
        return rng.choice(REAL)
    how = face.labels.manipulation
    return rng.choice(FAKE) + (f" The method is {how}." if how else "")


def whole_picture(face: Face, picture: Sample, rng: random.Random) -> str:
    """How many faces there are and how much of this one is hidden."""
    parts = []
    count = len(picture.faces)
    if count > 1:
        parts.append(rng.choice((f"The picture shows {count} faces.", f"{count} faces are shown.")))
    if face.visible is not None:
        hidden = 1 - sum(face.visible) / len(face.visible)
        if hidden > HIDDEN_FROM:
            parts.append(rng.choice(("Part of the face is hidden.", "The face is partly hidden.")))
    return " ".join(parts)


Aspect = Callable[[Face, Sample, random.Random], str]
ASPECTS: dict[str, Aspect] = {
    "appearance": appearance,
    "structure": structure,
    "skin_and_hair": skin_and_hair,
    "worn": worn,
    "quality": quality,
    "pose": pose,
    "gaze": gaze,
    "forensic": forensic,
    "whole_picture": whole_picture,
}
"""Aspects apart from the expression, which the caption's sentences describe."""
USES: dict[str, tuple[str, ...]] = {
    "appearance": ("age",),
    "structure": ("attributes",),
    "skin_and_hair": ("attributes",),
    "worn": ("attributes",),
    "quality": ("quality",),
    "pose": ("pose",),
    "gaze": ("pose", "gaze"),
    "forensic": ("authentic", "manipulation"),
    "whole_picture": (),
}
"""The labels that each aspect rests on."""


def affect(labels: FaceLabels, rng: random.Random) -> str:
    """Valence and arousal in words; silent where either is unlabelled or both are small."""
    if labels.valence is None or labels.arousal is None:
        return ""
    parts = []
    if abs(labels.valence) > VALENCE_FROM:
        parts.append("pleasant" if labels.valence > 0 else "unpleasant")
    if abs(labels.arousal) > VALENCE_FROM:
        parts.append("agitated" if labels.arousal > 0 else "quiet")
    if not parts:
        return ""
    return f"{rng.choice(('The mood is', 'The impression is', 'It comes across as'))} " + (
        f"{' and '.join(parts)}."
    )


def by_region(labels: FaceLabels, rng: random.Random) -> str:
    """Region by region from top to bottom: what acts there, then where nothing does.

    Nothing is said to happen only where all its units are labelled and none is seen.
    """
    units = {n: whole(v) for n, v in (labels.action_units or {}).items()}
    seen = [state(n, value) for n, value in sorted(units.items()) if value >= LISTED_FROM]
    lines = []
    headed = rng.random() < 0.5
    for region in FACE_ORDER:
        here = [s for s in seen if line_region(s.action_unit) == region]
        if not here:
            continue
        words = listing([f"{rng.choice(CLAUSES[s.action_unit].phrases)} {cite(s)}" for s in here])
        name = region_name(region)
        lines.append(f"{capitalised(name)}: {words}." if headed else f"At the {name} there are "
                     f"signs of {words}.")  # fmt: skip
    moving = {s.action_unit for s in seen}
    rest = [
        region_name(region)
        for region, needed in REGION_UNITS.items()
        if units.keys() >= set(needed) and moving.isdisjoint(ACTING[region])
    ]
    if rest:
        drawn = set(rng.sample(rest, min(3, len(rest))))
        chosen = rest if rng.random() < 0.5 else [name for name in rest if name in drawn]
        lines.append(rng.choice(AT_REST).format(listing(chosen, "or")))
    return ("\n" if headed and rng.random() < 0.5 else " ").join(lines)
