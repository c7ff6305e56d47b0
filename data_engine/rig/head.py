"""The morphable head: one interface for ICT-FaceKit and for the small procedural head.

Space: +x to the subject's left, +y up, +z out of the face; about one centimetre a unit.
Everything is float32. `deform` is two small matrix products, so a frame costs milliseconds:

    rest (V, 3) + identity (K) @ identity_delta (K, V, 3)      once per person
                + weights  (E) @ shape_delta    (E, V, 3)      once per frame
"""

from dataclasses import dataclass

import numpy as np

SKIN, BACK, MOUTH, TEETH, EYE_LEFT, EYE_RIGHT, HAIR, FRAME = range(8)
"""Material of a triangle. BACK is skull, nape and shoulders; HAIR and FRAME
are worn: loose hair and glasses (`props`)."""


@dataclass(frozen=True)
class MorphableHead:
    """A head that can be rendered: geometry, shape spaces and the 68 landmark points.

    `chart` is the texture coordinate of each vertex: SKIN in [0, 1] x [0, 1] (u grows to the
    subject's left, v grows upwards), BACK in [1, 2] x [0, 1]; other materials do not use it.
    """

    name: str
    """Prefix of subject ids."""
    source: str
    """Name in the provenance of samples."""
    licence: str
    rest: np.ndarray
    """(V, 3) float32, the neutral face of the mean person."""
    triangles: np.ndarray
    """(T, 3) int32."""
    material: np.ndarray
    """(T,) uint8, one of the material constants of this module."""
    chart: np.ndarray
    """(V, 2) float32."""
    identity_delta: np.ndarray
    """(K, V * 3) float32, one standard deviation each."""
    shape_names: tuple[str, ...]
    """ARKit-like names (`jawOpen`, `mouthSmile_L`, ...), subject's left and right."""
    shape_delta: np.ndarray
    """(E, V * 3) float32."""
    points_rest: np.ndarray
    """(68, 3) float32, Multi-PIE order."""
    points_identity: np.ndarray
    """(K, 68 * 3) float32."""
    points_shape: np.ndarray
    """(E, 68 * 3) float32."""
    points_chart: np.ndarray
    """(68, 2) float32."""

    @property
    def identities(self) -> int:
        """Number of identity components K."""
        return len(self.identity_delta)

    def person(self, coefficients: np.ndarray) -> "Person":
        """Combine the identity components (K,) once; frames of the person reuse the result."""
        c = np.asarray(coefficients, np.float32)
        rest = self.rest + (c @ self.identity_delta).reshape(-1, 3)
        points = self.points_rest + (c @ self.points_identity).reshape(-1, 3)
        centres = {m: _middle(rest[self.vertices_of(m)]) for m in (EYE_LEFT, EYE_RIGHT)}
        return Person(rest, points, centres)

    def vertices_of(self, material: int) -> np.ndarray:
        """Sorted vertex numbers that triangles of this material use."""
        return np.unique(self.triangles[self.material == material])

    def weights(self, named: dict[str, float]) -> np.ndarray:
        """Turn {shape name: weight} into (E,) float32; names the head does not have count 0."""
        out = np.zeros(len(self.shape_names), np.float32)
        for i, name in enumerate(self.shape_names):
            out[i] = named.get(name, 0.0)
        return out


@dataclass(frozen=True)
class Person:
    """One identity of a head: its neutral vertices, points and eyeball centres."""

    rest: np.ndarray
    """(V, 3) float32."""
    points: np.ndarray
    """(68, 3) float32."""
    eye_centres: dict[int, np.ndarray]
    """{EYE_LEFT, EYE_RIGHT: (3,) float32}."""


def deform(
    head: MorphableHead, person: Person, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and points (68, 3) of a person with shape weights (E,)."""
    used = np.flatnonzero(weights)
    if not len(used):
        return person.rest.copy(), person.points.copy()
    w = weights[used]
    vertices = person.rest + (w @ head.shape_delta[used]).reshape(-1, 3)
    points = person.points + (w @ head.points_shape[used]).reshape(-1, 3)
    return vertices, points


def _middle(vertices: np.ndarray) -> np.ndarray:
    """Middle of the bounding box: the mean would lean to where an eyeball is finely meshed."""
    return (vertices.min(0) + vertices.max(0)) / 2
