"""What a person looks like apart from bone: skin, lips, brows, eyes, hair, age.

Everything follows from the identity number, so a person keeps their look over all frames. Skin
tones are drawn evenly over the ten steps of the Monk Skin Tone scale; hair and eye colours lean on
the tone only as strongly as they do in the world's population.
"""

from dataclasses import dataclass

import numpy as np

# Monk Skin Tone scale, sRGB, lightest to darkest.
_MONK = (
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
)  # fmt: skip
_HAIR = {
    "black": (28, 24, 22),
    "dark brown": (56, 40, 30),
    "brown": (94, 66, 46),
    "auburn": (120, 62, 40),
    "blond": (186, 152, 104),
    "grey": (140, 136, 132),
    "white": (214, 210, 204),
}
_IRIS = {
    "dark brown": (52, 34, 24),
    "brown": (96, 62, 38),
    "hazel": (120, 100, 58),
    "green": (98, 118, 82),
    "blue": (92, 124, 156),
    "grey": (124, 134, 140),
}
HAIR_STYLES = ("bald", "cropped", "short", "medium", "long")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")


@dataclass(frozen=True)
class Look:
    """Appearance of one person. Colours are linear RGB (3,) float32."""

    skin: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    clothes: np.ndarray
    tone: float
    """Position on the skin tone scale, 0 lightest to 9 darkest."""
    age: float
    """0 young to 1 old: depth of wrinkles and unevenness of skin, no number of years."""
    hair_style: str
    beard: str
    brow_width: float
    brow_density: float
    hairline: float
    """Height of the forehead, about -1 to 1."""
    volume: float
    """How far the hair stands off the head, in head units."""
    freckles: float
    moles: int
    blush: float
    makeup: float
    gloss: float
    glasses: str
    """"none", "round" or "square"."""


def linear(colour: tuple[int, ...] | np.ndarray) -> np.ndarray:
    """sRGB 0-255 to linear light in [0, 1], float32."""
    return ((np.asarray(colour, np.float32) / 255) ** 2.2).astype(np.float32)


def person_rng(identity: int, purpose: int) -> np.random.Generator:
    """Random numbers that belong to one person; different purposes never share a stream."""
    return np.random.default_rng((identity, purpose, 68))


def identity_coefficients(identity: int, components: int) -> np.ndarray:
    """Shape of a person, (components,) float32: standard normal, rare extremes cut at 2.2."""
    draw = person_rng(identity, 0).standard_normal(components)
    return np.clip(0.85 * draw, -2.2, 2.2).astype(np.float32)


def person_look(identity: int, tone: float | None = None, age: float | None = None) -> Look:
    """Draw the look of one person.

    Args:
        identity: the person.
        tone: skin tone 0-9 in place of the person's own; hair, eyes and all else stay theirs.
        age: 0-1 in place of the person's own; hair stays theirs.
    """
    own_rng = person_rng(identity, 1)
    own_tone = float(own_rng.uniform(0, 9))
    return _look(own_rng, own_tone, own_tone if tone is None else tone, age)


def _look(rng: np.random.Generator, tone: float, shown: float, shown_age: float | None) -> Look:
    """The look of a person of this `tone` whose skin is `shown` in another."""
    skin = _skin(rng, shown)
    age = float(rng.beta(1.4, 1.6))
    hair = _hair_colour(rng, tone, age)
    bearded = rng.random() < 0.35
    style = str(rng.choice(HAIR_STYLES, p=(0.1, 0.2, 0.3, 0.17, 0.23)))
    lip_tint = np.array([1.0, 0.52, 0.5], np.float32) if shown < 5 else np.array([0.95, 0.62, 0.6])
    makeup = float(rng.random() * (rng.random() < 0.3) * (not bearded))
    lips = skin * lip_tint * np.float32(rng.uniform(0.7, 1.0))
    painted = linear((int(rng.integers(140, 210)), int(rng.integers(20, 80)), 70))
    painted = painted * (1 - 0.08 * tone)
    return Look(
        skin=skin,
        lips=((1 - 0.7 * makeup) * lips + 0.7 * makeup * painted).astype(np.float32),
        iris=_iris(rng, tone),
        hair=hair,
        brow=(hair * (0.75 if hair.mean() > 0.05 else 1.0)).astype(np.float32),
        clothes=linear(rng.integers(10, 235, 3)),
        tone=shown,
        age=age if shown_age is None else shown_age,
        hair_style=style,
        beard=str(rng.choice(BEARDS[1:], p=(0.4, 0.15, 0.15, 0.3))) if bearded else "none",
        brow_width=float(rng.uniform(0.65, 1.5)),
        brow_density=float(rng.uniform(0.45, 1.0)),
        hairline=float(rng.normal(0, 0.5)),
        volume=_volume(rng, style),
        freckles=float(rng.random() * (rng.random() < 0.25)),
        moles=int(rng.poisson(1.2)),
        blush=float(rng.uniform(0.0, 1.0)),
        makeup=makeup,
        gloss=float(rng.uniform(0.3, 1.2) * (1 - 0.07 * shown)),
        glasses=str(rng.choice(("none", "round", "square"), p=(0.88, 0.06, 0.06))),
    )


def _skin(rng: np.random.Generator, tone: float) -> np.ndarray:
    steps = linear(np.asarray(_MONK))
    low = int(tone)
    mix = steps[low] * (1 - (tone - low)) + steps[min(9, low + 1)] * (tone - low)
    # The swatches are greyer than lit skin, and the darkest reflect less than any skin does:
    # without blood and a floor, dark faces come out as metal, all highlight and no colour.
    warm = np.array([1.0, rng.uniform(0.78, 0.9), rng.uniform(0.62, 0.8)], np.float32)
    floor = np.array([0.032, 0.017, 0.010], np.float32)
    return (mix * warm * rng.uniform(0.8, 1.0) + floor).astype(np.float32)


def _hair_colour(rng: np.random.Generator, tone: float, age: float) -> np.ndarray:
    names = list(_HAIR)
    light = max(0.0, 1 - tone / 4.5)
    rare = 0.01
    odds = np.array([0.5, 0.25, rare + 0.3 * light, rare + 0.06 * light, rare + 0.2 * light, 0, 0])
    odds[5:] = np.array([0.35, 0.25]) * max(0.0, age - 0.35) ** 1.5
    colour = linear(_HAIR[str(rng.choice(names, p=odds / odds.sum()))])
    return (colour * rng.uniform(0.5, 1.3) * (1 - 0.05 * tone)).astype(np.float32)


def _iris(rng: np.random.Generator, tone: float) -> np.ndarray:
    light = max(0.03, 1 - tone / 4.5)
    odds = np.array([0.5, 0.35, 0.2 * light, 0.15 * light, 0.4 * light, 0.1 * light])
    colour = linear(_IRIS[str(rng.choice(list(_IRIS), p=odds / odds.sum()))])
    return (colour * rng.uniform(0.8, 1.25)).astype(np.float32)


def _volume(rng: np.random.Generator, style: str) -> float:
    low, high = {
        "bald": (0.0, 0.0),
        "cropped": (0.1, 0.3),
        "short": (0.4, 1.2),
        "medium": (0.8, 2.4),
        "long": (0.6, 1.6),
    }[style]
    return float(rng.uniform(low, high))
