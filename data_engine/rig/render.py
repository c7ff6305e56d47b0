"""Render specs: geometry, rays, shading, and the labels that follow from them.

spec -> Wearer: person, look, atlas, props       (cached per identity)
     -> vertices (V, 3) -> turned -> Mesh -> rays -> Surface (N pixels)
     -> linear colours -> display colours over a background -> photograph (size, size, 3)
     -> points (68, 2), visible, box, pose, gaze, action units
"""

from collections import OrderedDict
from dataclasses import replace

import cv2
import numpy as np

from data_engine.rig.actions import RIG_UNITS, shape_weights
from data_engine.rig.background import background
from data_engine.rig.camera import angles, direction, project, rotation
from data_engine.rig.cast import Scene
from data_engine.rig.frame import RigFrame
from data_engine.rig.geometry import (
    eye_chart,
    lid_weights,
    openness,
    roll_eyes,
    vertex_normals,
    visible_points,
)
from data_engine.rig.head import EYE_LEFT, EYE_RIGHT, SKIN, MorphableHead, deform
from data_engine.rig.look import Look
from data_engine.rig.post import photograph
from data_engine.rig.raster import Mesh, develop, facing, look_at, shadow, surface_of
from data_engine.rig.shade import Surface, base_colour, bump, expose, light_up, sample
from data_engine.rig.spec import RigSpec
from data_engine.rig.texture import chart_of
from data_engine.rig.wearer import Wearer, dress
from data_engine.rig.wrinkles import SIZE as WRINKLE_SIZE
from data_engine.rig.wrinkles import wrinkle_map, wrinkle_maps

_CACHED_PEOPLE = 4


class Rig:
    """Renders one head at one size. Not thread safe: people are cached."""

    def __init__(self, head: MorphableHead, size: int = 128) -> None:
        self.head = head
        self.size = size
        self._chart = chart_of(head)
        self._eye_chart = eye_chart(head)
        self._eyes = {m: head.vertices_of(m) for m in (EYE_LEFT, EYE_RIGHT)}
        self._openness = openness(head)
        self._wrinkles = wrinkle_maps(head.points_chart)
        self._people: OrderedDict[tuple[int, float | None, float | None], Wearer] = OrderedDict()

    def render(self, spec: RigSpec) -> RigFrame:
        """Render one frame; the same spec gives the same bytes.

        Raises:
            FaceLLMError: action units the rig cannot move, or intensities outside 0-5.
        """
        wearer = self._wearer(spec)
        turn = rotation(spec.pitch, spec.yaw, spec.roll)
        vertices, points = self._posed(spec, wearer, turn)
        mesh = self._mesh(spec, wearer, vertices)
        scene = Scene(mesh.vertices, mesh.triangles)
        pixels = project(spec.camera, points, self.size)
        low, high = (np.clip(edge, 0, self.size) for edge in (pixels.min(0), pixels.max(0)))
        return RigFrame(
            image=self._picture(spec, wearer, mesh, scene, points, turn),
            action_units={au: float(spec.action_units.get(au, 0.0)) for au in RIG_UNITS},
            points=pixels,
            visible=visible_points(scene, points, spec.camera, self.size),
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            pose=(spec.pitch, spec.yaw, spec.roll),
            gaze=angles(turn @ direction(*spec.gaze)),
            emotion=spec.emotion,
            subject_id=f"{self.head.name}-{spec.identity:04d}",
        )

    def _wearer(self, spec: RigSpec) -> Wearer:
        key = spec.identity, spec.tone, spec.age
        if key not in self._people:
            self._people[key] = dress(self.head, self._chart, *key)
        self._people.move_to_end(key)
        if len(self._people) > _CACHED_PEOPLE:
            self._people.popitem(last=False)
        return self._people[key]

    def _posed(
        self, spec: RigSpec, wearer: Wearer, turn: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of head and props, and the 68 points, turned into camera space."""
        named = shape_weights(spec.action_units, spec.asymmetry)
        awake = 1 - max(named.get("eyeBlink_L", 0.0), named.get("eyeBlink_R", 0.0))
        for name, weight in lid_weights(spec.gaze).items():
            named[name] = weight * awake  # lids that are shut do not follow the eyes
        vertices, points = deform(self.head, wearer.person, self.head.weights(named))
        vertices += wearer.lift
        roll_eyes(vertices, wearer.person, self._eyes, spec.gaze)
        vertices = np.concatenate([vertices, wearer.props.vertices]) @ turn.T
        return vertices.astype(np.float32), (points @ turn.T).astype(np.float32)

    def _mesh(self, spec: RigSpec, wearer: Wearer, vertices: np.ndarray) -> Mesh:
        """The mesh the camera faces, with the attributes to interpolate."""
        head, props = self.head, wearer.props
        attributes = np.empty((len(vertices), 6), np.float32)
        attributes[:, :3] = vertex_normals(vertices, wearer.triangles)
        attributes[: len(head.rest), 3:5] = self._eye_chart
        attributes[len(head.rest) :, 3:5] = props.chart
        attributes[: len(head.rest), 5] = self._openness
        attributes[len(head.rest) :, 5] = 1
        kept = facing(vertices, wearer.triangles, spec.camera)
        kept[len(head.triangles) :] = True  # what is worn is thin and seen from both sides
        return Mesh(vertices, wearer.triangles[kept], wearer.material[kept], attributes)

    def _picture(
        self,
        spec: RigSpec,
        wearer: Wearer,
        mesh: Mesh,
        scene: Scene,
        points: np.ndarray,
        turn: np.ndarray,
    ) -> np.ndarray:
        """The finished photograph (size, size, 3) uint8."""
        rng = np.random.default_rng((spec.seed, spec.identity))
        view = look_at(scene, mesh, spec.camera, self.size)
        surface = self._folded(spec, wearer.look, surface_of(mesh, view), turn)
        if spec.light.shadow:
            shaded = shadow(scene, view, surface.normal, spec.light)
            surface = replace(surface, lit=surface.lit * shaded)
        colour = light_up(surface, base_colour(surface, wearer.atlas, wearer.look), spec.light)
        face = colour[surface.material == SKIN]
        layer = develop(view, expose(colour, face, spec.light.brightness), self.size)
        neck = project(spec.camera, points[8:9] - (0, 2, 4), self.size)[0]
        clothes = wearer.look.clothes ** (1 / 2.2)
        behind = background(rng, spec.background, self.size, clothes, neck)
        return photograph(rng, layer[..., :3] + behind * (1 - layer[..., 3:]), spec.grey)

    def _folded(self, spec: RigSpec, look: Look, surface: Surface, turn: np.ndarray) -> Surface:
        """Press the units' furrows into the skin: tilted normals, darker valleys."""
        depth = wrinkle_map(self._wrinkles, spec.action_units, spec.asymmetry)
        if depth is None:
            return surface
        strength = np.float32(0.45 + 0.75 * look.age)
        skin = np.flatnonzero(surface.material == SKIN)
        x = surface.chart[skin, 0] * WRINKLE_SIZE - 0.5
        y = (1 - surface.chart[skin, 1]) * WRINKLE_SIZE - 0.5
        slope_x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
        slope_y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
        got = sample(np.dstack([depth, -slope_x, slope_y]), x, y)
        normal = surface.normal.copy()
        normal[skin] = bump(normal[skin], got[:, 1:] * strength * 2.2, turn)
        valley = np.ones(len(normal), np.float32)
        valley[skin] = 1 - np.minimum(0.6, 0.4 * strength * got[:, 0])
        return replace(
            surface, normal=normal, open_sky=surface.open_sky * valley, lit=surface.lit * valley
        )
