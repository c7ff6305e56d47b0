"""Render specs: geometry, rays, shading, and the labels that are exact by construction.

    spec -> Wearer: Person, Look, Paint, Props           (cached per identity)
         -> vertices (V, 3) -> turned -> rays            (one a pixel of a frame OVERSAMPLE times larger)
         -> Surface (N) -> linear colours -> photograph  (size, size, 3) uint8
         -> points (68, 2), visible, box, pose, gaze, action units
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from data_engine.rig.actions import RIG_UNITS, shape_weights
from data_engine.rig.background import background
from data_engine.rig.camera import angles, direction, project, rays, rotation
from data_engine.rig.cast import Hits, Scene
from data_engine.rig.geometry import (
    eye_chart,
    hair_lift,
    lid_weights,
    openness,
    roll_eyes,
    vertex_normals,
    visible_points,
)
from data_engine.rig.head import (
    BACK,
    EYE_LEFT,
    EYE_RIGHT,
    HAIR,
    MOUTH,
    SKIN,
    TEETH,
    MorphableHead,
    Person,
    deform,
)
from data_engine.rig.look import Look, identity_coefficients, person_look
from data_engine.rig.masks import region_masks
from data_engine.rig.post import photograph
from data_engine.rig.props import Props, props_of
from data_engine.rig.shade import Surface, base_colour, bump, expose, light_up, sample
from data_engine.rig.spec import RigSpec
from data_engine.rig.texture import TILE, chart_of, paint
from data_engine.rig.wrinkles import SIZE as WRINKLE_SIZE
from data_engine.rig.wrinkles import wrinkle_map, wrinkle_maps

OVERSAMPLE = 1.35
"""Rays per pixel and axis; the frame is averaged down for smooth edges."""
_CACHED_PEOPLE = 4


@dataclass(frozen=True)
class RigFrame:
    """One picture and everything that is known of it."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    action_units: dict[int, float]
    """Intensity 0-5 of every unit of the rig; 0.0 is absent."""
    points: np.ndarray
    """(68, 2) float32 pixels x, y in Multi-PIE order."""
    visible: np.ndarray
    """(68,) bool."""
    box: tuple[float, float, float, float]
    """Tight around the points, xyxy pixels, clipped to the picture."""
    pose: tuple[float, float, float]
    """Pitch, yaw, roll in radians."""
    gaze: tuple[float, float]
    """Pitch, yaw of the line of sight in camera space: (0, 0) looks along the optical axis."""
    emotion: str | None
    subject_id: str

    @cached_property
    def region_masks(self) -> dict[str, np.ndarray]:
        """{region: (H, W) bool} for the fifteen regions; drawn when first asked for."""
        return region_masks(self.points, len(self.image))


@dataclass(frozen=True)
class _Wearer:
    """What stays the same over all frames of one person."""

    person: Person
    look: Look
    atlas: np.ndarray
    lift: np.ndarray
    props: Props


@dataclass(frozen=True)
class _Mesh:
    """The posed head and what is worn; only the triangles that face the camera."""

    vertices: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    normals: np.ndarray


@dataclass(frozen=True)
class _View:
    """The rays of a frame and what they met."""

    grid: np.ndarray
    """(h, w, 2) float32 pixels of the larger frame."""
    away: np.ndarray
    """(h * w, 3) ray directions."""
    eye: np.ndarray
    """(3,) where they start."""
    hits: Hits
    seen: np.ndarray
    """Numbers of the rays that met something."""


class Rig:
    """Renders one head at one size. Not thread safe: people are cached."""

    def __init__(self, head: MorphableHead, size: int = 128) -> None:
        self.head = head
        self.size = size
        self._chart = chart_of(head)
        self._eye_chart = eye_chart(head)
        self._eyes = {m: head.vertices_of(m) for m in (EYE_LEFT, EYE_RIGHT)}
        self._openness = _mouth_open(head, openness(head))
        self._wrinkles = wrinkle_maps(head.points_chart)
        self._people: OrderedDict[int, _Wearer] = OrderedDict()
        self._side = round(size * OVERSAMPLE)

    def render(self, spec: RigSpec) -> RigFrame:
        """Render one frame; the same spec gives the same bytes.

        Raises:
            FaceLLMError: action units the rig cannot move, or intensities outside 0-5.
        """
        wearer = self._wearer(spec.identity)
        vertices, points = self._posed(spec, wearer)
        mesh = self._facing(spec, wearer, vertices)
        scene = Scene(vertices, mesh.triangles)
        image = self._picture(spec, wearer, mesh, scene, points)
        pixels = project(spec.camera, points, self.size)
        low = np.clip(pixels.min(0), 0, self.size)
        high = np.clip(pixels.max(0), 0, self.size)
        turn = rotation(spec.pitch, spec.yaw, spec.roll)
        return RigFrame(
            image=image,
            action_units={au: float(spec.action_units.get(au, 0.0)) for au in RIG_UNITS},
            points=pixels,
            visible=visible_points(scene, points, spec.camera, self.size),
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            pose=(spec.pitch, spec.yaw, spec.roll),
            gaze=angles(turn @ direction(*spec.gaze)),
            emotion=spec.emotion,
            subject_id=f"{self.head.name}-{spec.identity:04d}",
        )

    def _wearer(self, identity: int) -> _Wearer:
        if identity in self._people:
            self._people.move_to_end(identity)
            return self._people[identity]
        head, look = self.head, person_look(identity)
        person = head.person(identity_coefficients(identity, head.identities))
        painted = paint(self._chart, look, identity)
        lift = hair_lift(head, self._on_scalp(painted.hair), look.volume, identity)
        wearer = _Wearer(person, look, painted.colour, lift, props_of(person, look, identity))
        self._people[identity] = wearer
        if len(self._people) > _CACHED_PEOPLE:
            self._people.popitem(last=False)
        return wearer

    def _on_scalp(self, hair: np.ndarray) -> np.ndarray:
        """How much hair covers each vertex, (V,) float32, from the painted hair (TILE, 2 * TILE).

        It starts well behind the painted hairline, so that raising it does not drag skin along.
        """
        chart = self.head.chart
        behind = np.clip(2.5 * cv2.GaussianBlur(hair, (0, 0), TILE / 40) - 1.5, 0, 1)
        got = sample(behind[:, :, None], chart[:, 0] * TILE - 0.5, (1 - chart[:, 1]) * TILE - 0.5)
        scalp = np.zeros(len(chart), np.float32)
        scalp[np.unique(self.head.triangles[np.isin(self.head.material, (SKIN, BACK))])] = 1
        return got[:, 0] * scalp

    def _posed(self, spec: RigSpec, wearer: _Wearer) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of head and props, and the 68 points, turned into camera space."""
        named = shape_weights(spec.action_units, spec.asymmetry)
        closed = 1 - max(named.get("eyeBlink_L", 0.0), named.get("eyeBlink_R", 0.0))
        for name, weight in lid_weights(spec.gaze).items():
            named[name] = weight * closed  # lids that are shut do not follow the eyes
        vertices, points = deform(self.head, wearer.person, self.head.weights(named))
        vertices += wearer.lift
        roll_eyes(vertices, wearer.person, self._eyes, spec.gaze)
        turn = rotation(spec.pitch, spec.yaw, spec.roll)
        vertices = np.concatenate([vertices, wearer.props.vertices]) @ turn.T
        return vertices.astype(np.float32), (points @ turn.T).astype(np.float32)

    def _facing(self, spec: RigSpec, wearer: _Wearer, vertices: np.ndarray) -> _Mesh:
        """The triangles that can be seen: half of them, which halves the cost of the scene."""
        triangles, props = self.head.triangles, wearer.props
        a, b, c = (vertices[triangles[:, k]] for k in range(3))
        outward = np.cross(b - a, c - a)
        eye = np.array([0, 0, spec.camera.distance], np.float32)
        facing = ((eye - a) * outward).sum(1) > 0
        return _Mesh(
            vertices,
            np.concatenate([triangles[facing], props.triangles + len(self.head.rest)]),
            np.concatenate([self.head.material[facing], props.material]),
            vertex_normals(vertices, np.concatenate([triangles, props.triangles + len(self.head.rest)])),
        )

    def _picture(
        self, spec: RigSpec, wearer: _Wearer, mesh: _Mesh, scene: Scene, points: np.ndarray
    ) -> np.ndarray:
        rng = np.random.default_rng((spec.seed, spec.identity))
        side = self._side
        grid = _covered(project(spec.camera, mesh.vertices, side), side)
        away = rays(spec.camera, grid.reshape(-1, 2), side)
        eye = np.array([0, 0, spec.camera.distance], np.float32)
        hits = scene.cast(eye, away)
        seen = np.flatnonzero(hits.triangle >= 0)
        view = _View(grid, away, eye, hits, seen)
        surface = self._surface(spec, wearer, mesh, scene, view)
        colour = light_up(surface, base_colour(surface, wearer.atlas, wearer.look), spec.light)
        face = colour[surface.material == SKIN]
        layer = np.zeros((len(away), 4), np.float32)
        layer[seen, :3] = expose(colour, face, spec.light.brightness)
        layer[seen, 3] = 1
        layer = _close_gaps(layer.reshape(*grid.shape[:2], 4))
        full = np.zeros((side, side, 4), np.float32)
        (x, y), (rows, columns) = grid[0, 0].astype(int), grid.shape[:2]
        full[y : y + rows, x : x + columns] = layer
        layer = cv2.resize(full, (self.size, self.size), interpolation=cv2.INTER_AREA)
        neck = project(spec.camera, points[8:9] - (0, 2, 4), self.size)[0]
        clothes = wearer.look.clothes ** (1 / 2.2)
        behind = background(rng, spec.background, self.size, clothes, neck)
        image = layer[..., :3] + behind * (1 - layer[..., 3:])
        return photograph(rng, image, spec.grey)

    def _surface(
        self, spec: RigSpec, wearer: _Wearer, mesh: _Mesh, scene: Scene, view: _View
    ) -> Surface:
        """Interpolate the vertex attributes at the pixels that hit something."""
        props = wearer.props
        per_vertex = np.concatenate(
            [
                mesh.normals,
                np.concatenate([self._eye_chart, props.chart]),
                np.concatenate([self._openness, np.ones(len(props.chart), np.float32)])[:, None],
            ],
            axis=1,
            dtype=np.float32,
        )
        triangle, bary = view.hits.triangle[view.seen], view.hits.bary[view.seen]
        corner = mesh.triangles[triangle]
        values = sum(per_vertex[corner[:, k]] * bary[:, k : k + 1] for k in range(3))
        material = mesh.material[triangle]
        chart = values[:, 3:5]
        back = -view.away[view.seen]
        back /= np.linalg.norm(back, axis=1, keepdims=True)
        normal = values[:, :3]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        # Hair is an open sheet: its inside faces the camera too.
        flip = (material == HAIR) & ((normal * back).sum(1) < 0)
        normal[flip] *= -1
        valley = self._fold(spec, wearer.look, material, chart, normal)
        lit = np.ones(len(normal), np.float32)
        if spec.light.shadow:
            lit = self._shadow(spec, scene, view, normal)
        return Surface(
            material=material,
            chart=chart,
            normal=normal,
            view=back,
            open_sky=(0.25 + 0.75 * values[:, 5]) * valley,
            lit=lit * (0.4 + 0.6 * np.sqrt(values[:, 5])) * valley,
        )

    def _fold(
        self, spec: RigSpec, look: Look, material: np.ndarray, chart: np.ndarray, normal: np.ndarray
    ) -> np.ndarray:
        """Press the units' furrows into the normals, in place; how bright the valleys stay (N,)."""
        valley = np.ones(len(chart), np.float32)
        depth = wrinkle_map(self._wrinkles, spec.action_units, spec.asymmetry)
        if depth is None:
            return valley
        strength = np.float32(0.45 + 0.75 * look.age)
        skin = np.flatnonzero(material == SKIN)
        x = chart[skin, 0] * WRINKLE_SIZE - 0.5
        y = (1 - chart[skin, 1]) * WRINKLE_SIZE - 0.5
        slope_x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
        slope_y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
        got = sample(np.dstack([depth, -slope_x, slope_y]), x, y)
        turn = rotation(spec.pitch, spec.yaw, spec.roll)
        normal[skin] = bump(normal[skin], got[:, 1:] * strength * 2.2, turn)
        valley[skin] = 1 - np.minimum(0.6, 0.4 * strength * got[:, 0])
        return valley

    def _shadow(
        self, spec: RigSpec, scene: Scene, view: _View, normal: np.ndarray
    ) -> np.ndarray:
        """Share of the key light that reaches each seen pixel (N,), softened in the picture."""
        reach = view.hits.distance[view.seen, None]
        start = view.eye + view.away[view.seen] * reach * np.float32(0.999) + 0.12 * normal
        towards = direction(spec.light.pitch, spec.light.yaw)
        lit = np.ones(len(view.away), np.float32)
        lit[view.seen] = 1 - 0.85 * scene.blocked(start.astype(np.float32), towards)
        soft = cv2.GaussianBlur(lit.reshape(view.grid.shape[:2]), (0, 0), self._side / 140)
        return soft.ravel()[view.seen]


def _covered(pixels: np.ndarray, side: int) -> np.ndarray:
    """The frame's pixels (h, w, 2) float32 inside the box around projected vertices (V, 2)."""
    low = np.clip(np.floor(pixels.min(0)), 0, side - 2).astype(int)
    high = np.clip(np.ceil(pixels.max(0)) + 1, low + 2, side).astype(int)
    return np.stack(
        np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])), -1
    ).astype(np.float32)


def _close_gaps(layer: np.ndarray) -> np.ndarray:
    """Fill pinholes between triangles of a layer (h, w, 4) from their neighbours."""
    alpha = layer[..., 3]
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = (closed > 0) & (alpha == 0)
    if holes.any():
        around = cv2.blur(layer, (5, 5))
        layer[holes] = around[holes] / np.maximum(around[holes, 3:], 1e-3)
    return layer


def _mouth_open(head: MorphableHead, open_sky: np.ndarray) -> np.ndarray:
    """Replace the openness of mouth and teeth, which is zero behind closed lips, by their depth."""
    out = np.maximum(open_sky, 0.15)
    for material in (MOUTH, TEETH):
        ids = head.vertices_of(material)
        if len(ids):
            front = head.rest[head.vertices_of(TEETH), 2].max() if material == TEETH else head.rest[ids, 2].max()
            out[ids] = np.clip(0.9 - 0.22 * (front - head.rest[ids, 2]), 0.05, 0.9)
    return out
