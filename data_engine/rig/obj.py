"""Read the Wavefront OBJ files ICT-FaceKit is published in."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facellm.core.errors import FaceLLMError


@dataclass(frozen=True)
class ObjMesh:
    """One OBJ file. Faces are quads, zero based; -1 in the fourth column marks a triangle."""

    vertices: np.ndarray
    """(V, 3) float32."""
    uv: np.ndarray
    """(U, 2) float32."""
    faces: np.ndarray
    """(F, 4) int32 vertex numbers."""
    faces_uv: np.ndarray
    """(F, 4) int32 texture coordinate numbers."""
    face_material: np.ndarray
    """(F,) int16 index into `materials`."""
    materials: tuple[str, ...]


def read_obj(path: Path) -> ObjMesh:
    """Parse v, vt, f and usemtl lines; everything else is ignored.

    Raises FaceLLMError on a face that is neither a triangle nor a quad.
    """
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[list[int]] = []
    faces_uv: list[list[int]] = []
    material: list[int] = []
    names: dict[str, int] = {}
    current = 0
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif key == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif key == "usemtl":
            current = names.setdefault(rest.strip(), len(names))
        elif key == "f":
            corners = [corner.split("/") for corner in rest.split()]
            if len(corners) not in (3, 4):
                raise FaceLLMError(f"{path}: a face has {len(corners)} corners, expected 3 or 4")
            pad = [-1] * (4 - len(corners))
            faces.append([int(c[0]) - 1 for c in corners] + pad)
            faces_uv.append([int(c[1]) - 1 if len(c) > 1 and c[1] else -1 for c in corners] + pad)
            material.append(current)
    return ObjMesh(
        vertices=np.asarray(vertices, np.float32).reshape(-1, 3),
        uv=np.asarray(uv, np.float32).reshape(-1, 2),
        faces=np.asarray(faces, np.int32).reshape(-1, 4),
        faces_uv=np.asarray(faces_uv, np.int32).reshape(-1, 4),
        face_material=np.asarray(material, np.int16),
        materials=tuple(names),
    )
