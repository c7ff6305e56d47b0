"""All that stays the same over the frames of one person, prepared once."""

from dataclasses import dataclass

import cv2
import numpy as np

from data_engine.rig.geometry import hair_lift
from data_engine.rig.head import BACK, SKIN, MorphableHead, Person
from data_engine.rig.look import Look, identity_coefficients, person_look
from data_engine.rig.props import Props, props_of
from data_engine.rig.shade import sample
from data_engine.rig.texture import TILE, Chart, paint


@dataclass(frozen=True)
class Wearer:
    """A person with skin, hair and what they wear."""

    person: Person
    look: Look
    atlas: np.ndarray
    """(TILE, 3 * TILE, 4) float32: linear RGB and gloss."""
    lift: np.ndarray
    """(V, 3) float32, from the skull to the hair's surface."""
    props: Props
    triangles: np.ndarray
    """(T, 3) int32 of head and props together."""
    material: np.ndarray
    """(T,) uint8."""


def dress(
    head: MorphableHead,
    chart: Chart,
    identity: int,
    tone: float | None = None,
    age: float | None = None,
) -> Wearer:
    """Prepare one person; takes about as long as rendering two frames."""
    look = person_look(identity, tone, age)
    person = head.person(identity_coefficients(identity, head.identities))
    painted = paint(chart, look, identity)
    props = props_of(person, look, identity)
    return Wearer(
        person=person,
        look=look,
        atlas=painted.colour,
        lift=hair_lift(head, _on_scalp(head, painted.hair), look.volume, identity),
        props=props,
        triangles=np.concatenate([head.triangles, props.triangles + len(head.rest)]),
        material=np.concatenate([head.material, props.material]),
    )


def _on_scalp(head: MorphableHead, hair: np.ndarray) -> np.ndarray:
    """How much hair covers each vertex, (V,) float32, from the painted hair (TILE, 2 * TILE).

    It starts well behind the painted hairline, so that raising it does not drag skin along.
    """
    behind = np.clip(2.5 * cv2.GaussianBlur(hair, (0, 0), TILE / 40) - 1.5, 0, 1)
    x, y = head.chart[:, 0] * TILE - 0.5, (1 - head.chart[:, 1]) * TILE - 0.5
    scalp = np.zeros(len(head.chart), np.float32)
    scalp[np.unique(head.triangles[np.isin(head.material, (SKIN, BACK))])] = 1
    return sample(behind[:, :, None], x, y)[:, 0] * scalp
