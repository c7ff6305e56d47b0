"""Draw specs that are useful to train on: prototypes with variety, free combinations, real poses.

Six in ten frames show an emotion (its prototype, common variants and companions, a little noise);
the others combine action units freely and carry no emotion label, so that a model cannot learn to
read units off the emotion.
"""

import numpy as np

from data_engine.rig.actions import RIG_UNITS, consistent
from data_engine.rig.background import KINDS
from data_engine.rig.camera import Camera, rotation
from data_engine.rig.spec import Light, RigSpec
from facellm.core.emotions import EMOTIONS, OFTEN_WITH, PROTOTYPES, VARIANTS

PROTOTYPE_SHARE = 0.6
_RARE = {29: 0.25, 30: 0.25, 43: 0.5, 28: 0.7, 22: 0.7}
_FACE_HEIGHT = 14.0
"""Brow to chin of a head in its own units: sets the focal length for a wanted face size."""
_FACE_MIDDLE = np.array([0.0, -0.6, 8.5], np.float32)
"""Middle of the 68 points' box in head units."""


def random_spec(rng: np.random.Generator, identity: int | None = None) -> RigSpec:
    """Draw one frame; `identity` fixes the person, else any of the first 100 000."""
    if identity is None:
        identity = int(rng.integers(100_000))
    emotion: str | None = None
    if rng.random() < PROTOTYPE_SHARE:
        emotion = str(rng.choice(EMOTIONS))
        units, asymmetry = _prototype(rng, emotion)
    else:
        units, asymmetry = _free(rng)
    pitch, yaw, roll = _pose(rng)
    gaze = rng.normal(0, (0.08, 0.15)) if rng.random() < 0.7 else (-pitch * 0.8, -yaw * 0.8)
    return RigSpec(
        identity=identity,
        action_units=units,
        asymmetry=asymmetry,
        emotion=emotion,
        pitch=pitch,
        yaw=yaw,
        roll=roll,
        gaze=(float(np.clip(gaze[0], -0.35, 0.3)), float(np.clip(gaze[1], -0.5, 0.5))),
        light=_light(rng),
        camera=_camera(rng, rotation(pitch, yaw, roll)),
        background=str(rng.choice(KINDS)),
        grey=bool(rng.random() < 0.3),
        seed=int(rng.integers(2**31)),
    )


def _prototype(rng: np.random.Generator, emotion: str) -> tuple[dict[int, float], dict[int, float]]:
    """Units and lean of an emotion: one strength for the face, some scatter for each unit."""
    strength = rng.uniform(2.3, 5.0)
    units: dict[int, float] = {}
    for au in PROTOTYPES[emotion]:
        instead = VARIANTS.get(emotion, {}).get(au, ())
        if instead and rng.random() < 0.4:
            au = int(rng.choice(instead))
        # A core unit is missing now and then: prototypes are tendencies, not definitions.
        if len(PROTOTYPES[emotion]) < 3 or rng.random() > 0.08:
            units[au] = float(np.clip(strength + rng.normal(0, 0.7), 1.5, 5.0))
    for au in OFTEN_WITH.get(emotion, ()):
        if au in RIG_UNITS and rng.random() < 0.45:
            units[au] = float(np.clip(strength * rng.uniform(0.4, 1.0), 0.8, 5.0))
    if 26 in units or 27 in units:
        units[25] = max(units.get(25, 0.0), float(rng.uniform(2.0, 4.5)))
    noise = rng.choice(RIG_UNITS, size=int(rng.integers(0, 3)), replace=False)
    for au in noise:
        units.setdefault(int(au), float(rng.uniform(0.2, 1.2)))
    asymmetry = _mild_asymmetry(rng, units)
    if emotion == "contempt":
        side = float(rng.choice((-1.0, 1.0)))
        asymmetry |= {au: side * float(rng.uniform(0.85, 1.0)) for au in (12, 14)}
    return consistent(units), asymmetry


def _free(rng: np.random.Generator) -> tuple[dict[int, float], dict[int, float]]:
    """Independent units: one to six of them, half of the time strong."""
    odds = np.array([_RARE.get(au, 1.0) for au in RIG_UNITS])
    count = int(rng.integers(1, 7))
    chosen = rng.choice(RIG_UNITS, size=count, replace=False, p=odds / odds.sum())
    units = {int(au): float(rng.uniform(0.5, 5.0)) for au in chosen}
    if {26, 27} & units.keys() and rng.random() < 0.8:
        units[25] = float(rng.uniform(1.5, 5.0))
    if 27 in units:
        units[27] = float(rng.uniform(3.0, 5.0))
    asymmetry = _mild_asymmetry(rng, units)
    for au in units:
        if rng.random() < 0.08:
            asymmetry[au] = float(rng.choice((-1.0, 1.0)))
    return consistent(units), asymmetry


def _mild_asymmetry(rng: np.random.Generator, units: dict[int, float]) -> dict[int, float]:
    return {au: float(np.clip(rng.normal(0, 0.12), -0.4, 0.4)) for au in units}


def _pose(rng: np.random.Generator) -> tuple[float, float, float]:
    """Mostly near frontal, with a heavy tail of turned heads."""
    spread = 1.0 if rng.random() < 0.7 else 2.2
    pitch = float(np.clip(rng.normal(0, 0.12 * spread), -0.5, 0.5))
    yaw = float(np.clip(rng.normal(0, 0.22 * spread), -0.95, 0.95))
    roll = float(np.clip(rng.normal(0, 0.1 * spread), -0.5, 0.5))
    return pitch, yaw, roll


def _light(rng: np.random.Generator) -> Light:
    return Light(
        pitch=float(rng.uniform(-0.3, 1.2)),
        yaw=float(rng.normal(0, 0.8)),
        key=float(rng.beta(2.5, 2.0)),
        warmth=float(np.clip(rng.normal(0.1, 0.35), -1, 1)),
        fill=float(rng.uniform(0, 0.6)),
        shadow=bool(rng.random() < 0.65),
        brightness=float(np.clip(rng.normal(0.5, 0.1), 0.25, 0.75)),
    )


def _camera(rng: np.random.Generator, turn: np.ndarray) -> Camera:
    """From a phone at arm's length to a long lens; the face fills 45 to 80 % of the frame."""
    distance = float(np.exp(rng.uniform(np.log(38), np.log(160))))
    fraction = rng.uniform(0.45, 0.8)
    middle = turn @ _FACE_MIDDLE
    focal = fraction * (distance - middle[2]) / _FACE_HEIGHT
    # The middle of the face, not the head's origin far behind it, lands near the frame's middle.
    place = focal * middle[:2] * (1, -1) / (distance - middle[2])
    slack = (0.96 - fraction) / 2
    wanted = np.clip(rng.normal(0, 0.5, 2), -1, 1) * slack
    offset = wanted - place
    return Camera(distance, float(focal), (float(offset[0]), float(offset[1])))
