"""ICT-FaceKit as a `MorphableHead`: from the packed npz, or from the official folder of OBJ files.

Both give the same arrays (`FullMesh`); `ict_head` then drops what no camera sees, thins the rest
out and keeps the exact 68 landmark vertices aside. The data set is MIT licensed and is read from
the user's copy; nothing of it is shipped here.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_engine.rig.decimate import decimate
from data_engine.rig.head import (
    BACK,
    EYE_LEFT,
    EYE_RIGHT,
    MOUTH,
    SKIN,
    TEETH,
    MorphableHead,
)
from data_engine.rig.obj import ObjMesh, read_obj
from facellm.core.errors import FaceLLMError

# Material of the data set -> (ours, triangles kept). The iris, tear film, lashes and occlusion
# cards are transparent layers in the original; we paint them on the eyeball and lid instead.
_PARTS = {
    "M_Face": (SKIN, 8000),
    "M_BackHead": (BACK, 1200),
    "M_GumsTongue": (MOUTH, 500),
    "M_Teeth": (TEETH, 1100),
    "M_ScleraLeft": (EYE_LEFT, 300),
    "M_ScleraRight": (EYE_RIGHT, 300),
}
_NPZ_KEYS = (
    "neutral",
    "faces",
    "uv",
    "faces_uv",
    "face_material",
    "materials",
    "identity_delta",
    "expression_delta",
    "expression_names",
)


@dataclass(frozen=True)
class FullMesh:
    """The data set as loaded. Faces are quads; -1 in the fourth column marks a triangle."""

    neutral: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    face_material: np.ndarray
    materials: tuple[str, ...]
    identity_delta: np.ndarray
    expression_delta: np.ndarray
    expression_names: tuple[str, ...]
    landmarks: np.ndarray


def ict_head(folder: Path | str, detail: float = 1.0) -> MorphableHead:
    """Load the head from `folder`: `ict_facekit.npz` or the official OBJ files.

    `detail` scales the triangle budget. Raises FaceLLMError when the folder, a file or a key is
    missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FaceLLMError(
            f"{folder} is not a folder; give one with ict_facekit.npz and vertex_indices.json, or "
            "ICT-FaceKit's FaceXModel folder of OBJ files"
        )
    packed = folder / "ict_facekit.npz"
    mesh = load_npz(packed) if packed.is_file() else load_obj_folder(folder)
    return thin(mesh, detail)


def load_npz(path: Path) -> FullMesh:
    """Read the packed data set; `vertex_indices.json` lies beside it."""
    with np.load(path) as pack:
        missing = [key for key in _NPZ_KEYS if key not in pack]
        if missing:
            raise FaceLLMError(
                f"{path} lacks {', '.join(missing)}; it must hold {', '.join(_NPZ_KEYS)}"
            )
        arrays = {key: pack[key] for key in _NPZ_KEYS}
    for key in ("materials", "expression_names"):
        arrays[key] = tuple(str(name) for name in arrays[key])
    return FullMesh(**arrays, landmarks=_landmarks(path.parent))


def load_obj_folder(folder: Path) -> FullMesh:
    """Read ICT-FaceKit as published: a neutral OBJ, identityNNN.obj, and one OBJ per expression."""
    neutral_path = folder / "generic_neutral_mesh.obj"
    if not neutral_path.is_file():
        raise FaceLLMError(
            f"{folder} has neither ict_facekit.npz nor generic_neutral_mesh.obj; "
            "give a folder with one of them"
        )
    base = read_obj(neutral_path)
    identities = sorted(folder.glob("identity*.obj"))
    expressions = sorted(p for p in folder.glob("*.obj") if p not in {neutral_path, *identities})
    return FullMesh(
        neutral=base.vertices,
        faces=base.faces,
        uv=base.uv,
        faces_uv=base.faces_uv,
        face_material=base.face_material,
        materials=base.materials,
        identity_delta=_deltas(base, identities),
        expression_delta=_deltas(base, expressions),
        expression_names=tuple(p.stem for p in expressions),
        landmarks=_landmarks(folder),
    )


def _deltas(base: ObjMesh, paths: list[Path]) -> np.ndarray:
    out = np.zeros((len(paths), *base.vertices.shape), np.float32)
    for row, path in zip(out, paths, strict=True):
        vertices = read_obj(path).vertices
        if vertices.shape != base.vertices.shape:
            raise FaceLLMError(
                f"{path} has {len(vertices)} vertices, the neutral mesh {len(base.vertices)}; "
                "all OBJ files must come from one release"
            )
        row[:] = vertices - base.vertices
    return out


def _landmarks(folder: Path) -> np.ndarray:
    path = folder / "vertex_indices.json"
    if not path.is_file():
        raise FaceLLMError(f"{path} is missing; ICT-FaceKit ships it beside the meshes")
    indices = json.loads(path.read_text())
    points = indices.get("idx_to_landmark_verts", [])
    if len(points) != 68:
        raise FaceLLMError(
            f"{path} names {len(points)} vertices in idx_to_landmark_verts, expected 68"
        )
    return np.asarray(points, np.int64)


def thin(mesh: FullMesh, detail: float) -> MorphableHead:
    """Keep the visible materials, decimate each, split vertices at texture seams."""
    triangles, corners, material = [], [], []
    apart = _opened(mesh)
    for number, name in enumerate(mesh.materials):
        if name not in _PARTS:
            continue
        ours, budget = _PARTS[name]
        tri, tri_uv = _triangulate(mesh, mesh.face_material == number)
        # A vertex on a seam has several texture coordinates: number (vertex, uv) pairs instead,
        # so that decimation cannot glue the two sides of a seam together.
        pairs, local = np.unique(
            np.stack([tri.ravel(), tri_uv.ravel()], 1), axis=0, return_inverse=True
        )
        kept = decimate(apart[pairs[:, 0]], local.reshape(-1, 3), round(budget * detail))
        used, local = np.unique(kept, return_inverse=True)
        offset = sum(len(c) for c in corners)
        triangles.append(local.reshape(-1, 3) + offset)
        corners.append(pairs[used])
        material.append(np.full(len(kept), ours, np.uint8))
    if not corners:
        raise FaceLLMError(
            f"no known material in the mesh: {', '.join(mesh.materials)}; "
            f"expected {', '.join(_PARTS)}"
        )
    vertex, uv = np.concatenate(corners).T
    of_point = {v: t for v, t in zip(mesh.faces.ravel(), mesh.faces_uv.ravel(), strict=True)}
    points_uv = np.array([of_point[v] for v in mesh.landmarks])
    return MorphableHead(
        name="ict",
        source="ict-facekit rig",
        licence="MIT",
        rest=mesh.neutral[vertex].astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.int32),
        material=np.concatenate(material),
        chart=mesh.uv[uv].astype(np.float32),
        identity_delta=_rows(mesh.identity_delta, vertex),
        shape_names=mesh.expression_names,
        shape_delta=_rows(mesh.expression_delta, vertex),
        points_rest=mesh.neutral[mesh.landmarks].astype(np.float32),
        points_identity=_rows(mesh.identity_delta, mesh.landmarks),
        points_shape=_rows(mesh.expression_delta, mesh.landmarks),
        points_chart=mesh.uv[points_uv].astype(np.float32),
    )


def _opened(mesh: FullMesh) -> np.ndarray:
    """The neutral face with jaw, lips and lids opened, (V, 3).

    Decimation measures distances here: on the neutral face lips and teeth touch, and a vertex of
    the lower jaw could be snapped to the upper one and stretch across the mouth when it opens.
    """
    wanted = ("jawOpen", "mouthFunnel", "eyeWide_L", "eyeWide_R")
    rows = [k for k, name in enumerate(mesh.expression_names) if name in wanted]
    return mesh.neutral + mesh.expression_delta[rows].astype(np.float32).sum(0)


def _rows(delta: np.ndarray, vertex: np.ndarray) -> np.ndarray:
    return delta[:, vertex].astype(np.float32).reshape(len(delta), -1)


def _triangulate(mesh: FullMesh, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles and their texture corners, both (T, 3), of the faces that `rows` selects."""
    quads, uvs = mesh.faces[rows], mesh.faces_uv[rows]
    four = quads[:, 3] >= 0
    halves = [[0, 1, 2]], [[0, 2, 3]]
    tri = np.concatenate([quads[:, halves[0][0]], quads[four][:, halves[1][0]]])
    tri_uv = np.concatenate([uvs[:, halves[0][0]], uvs[four][:, halves[1][0]]])
    return tri, tri_uv
