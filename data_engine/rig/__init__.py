"""A morphable head rendered with known action units, points, pose, gaze and light.

Unlike any photograph a rendered face has exact labels, and allows interventions: the same person
in the same picture with one action unit switched (`toggle`).

    from data_engine.rig import Rig, load_head, random_spec, toggle
    rig = Rig(load_head("procedural"), size=128)
    frame = rig.render(random_spec(np.random.default_rng(0)))
"""

from data_engine.rig.actions import RIG_UNITS
from data_engine.rig.camera import Camera
from data_engine.rig.frame import RigFrame
from data_engine.rig.head import MorphableHead
from data_engine.rig.load import load_head
from data_engine.rig.render import Rig
from data_engine.rig.sampling import random_spec
from data_engine.rig.spec import Light, RigSpec, toggle

__all__ = [
    "RIG_UNITS",
    "Camera",
    "Light",
    "MorphableHead",
    "Rig",
    "RigFrame",
    "RigSpec",
    "load_head",
    "random_spec",
    "toggle",
]
