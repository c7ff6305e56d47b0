"""The recipe of one frame. The same spec always renders the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from data_engine.rig.actions import RIG_UNITS, consistent
from data_engine.rig.camera import Camera
from facellm.core.emotions import PROTOTYPES, VARIANTS
from facellm.core.errors import FaceLLMError


@dataclass(frozen=True)
class Light:
    """One key light over an ambient dome; directions are angles seen from the head's origin."""

    pitch: float = 0.4
    """Radians, + from above."""
    yaw: float = 0.3
    """Radians, + from the subject's right."""
    key: float = 0.8
    """Share of the key light in [0, 1]; the rest is ambient."""
    warmth: float = 0.0
    """Colour of the key light in [-1, 1], blue to orange."""
    fill: float = 0.3
    """Strength of a second light from the other side, in [0, 1]."""
    shadow: bool = True
    """Whether the key light casts shadows."""
    brightness: float = 0.5
    """Where the face's mean lands after exposure, display value in [0, 1]."""


@dataclass(frozen=True)
class RigSpec:
    """One frame: who, which action units, how turned, how lit and seen."""

    identity: int = 0
    """Names the person: shape, skin, hair, brows and eyes all follow from it."""
    tone: float | None = None
    """Skin tone 0 light to 9 dark in place of the person's own; nothing else changes."""
    age: float | None = None
    """Depth of wrinkles, 0 young to 1 old, in place of the person's own; nothing else changes."""
    action_units: Mapping[int, float] = field(default_factory=dict)
    """Intensity 0-5; a unit that is missing is absent."""
    asymmetry: Mapping[int, float] = field(default_factory=dict)
    """Lean of a unit in [-1, 1], + to the subject's left."""
    emotion: str | None = None
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    """Head pose in radians: + is up, to the subject's right, to the subject's right."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """Pitch and yaw of the eyes in the head, radians, same signs."""
    light: Light = Light()
    camera: Camera = field(default_factory=Camera)
    background: str = "gradient"
    """One of `data_engine.rig.background.KINDS`."""
    grey: bool = False
    """Whether the picture is black and white."""
    seed: int = 0
    """Decides what is not named above: background details, lens, noise, compression."""


def toggle(spec: RigSpec, au: int, intensity: float) -> RigSpec:
    """The same picture with one action unit set to `intensity`.

    What cannot stay goes along (`actions.consistent`): AU27 on switches AU26 off and parts the
    lips. The emotion becomes None where the unit is part of its prototype, or was neutral.
    """
    if au not in RIG_UNITS:
        raise FaceLLMError(f"the rig cannot move AU{au}; it moves {' '.join(map(str, RIG_UNITS))}")
    units = consistent({**spec.action_units, au: intensity}, keep=au)
    return replace(spec, action_units=units, emotion=_emotion_after(spec, au))


def _emotion_after(spec: RigSpec, au: int) -> str | None:
    if spec.emotion is None or spec.emotion == "neutral":
        return None
    core = PROTOTYPES[spec.emotion]
    standing_in = {v for units in VARIANTS.get(spec.emotion, {}).values() for v in units}
    return None if au in {*core, *standing_in} else spec.emotion
