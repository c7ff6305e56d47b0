"""Loading heads: OBJ and npz agree, and bad input is one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_engine.rig import MorphableHead, load_head
from data_engine.rig.decimate import decimate
from data_engine.rig.head import EYE_LEFT, SKIN
from facellm.core.errors import FaceLLMError

# A wall of 4 x 18 vertices for the face and one quad for an eye: enough for 68 landmark vertices.
_COLUMNS, _ROWS = 18, 4


def tiny() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3), quads (F, 4) and material numbers (F,) of the toy data set."""
    y, x = np.mgrid[:_ROWS, :_COLUMNS]
    wall = np.stack([x, y, 0 * x], -1).reshape(-1, 3).astype(np.float32)
    eye = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], np.float32)
    r, c = np.mgrid[: _ROWS - 1, : _COLUMNS - 1]
    a = (r * _COLUMNS + c).ravel()
    quads = np.stack([a, a + 1, a + _COLUMNS + 1, a + _COLUMNS], 1)
    faces = np.concatenate([quads, [np.arange(4) + len(wall)]]).astype(np.int32)
    material = np.array([0] * len(quads) + [1])
    return np.concatenate([wall, eye]), faces, material


def obj_text(vertices: np.ndarray, faces: np.ndarray, material: np.ndarray) -> str:
    lines = [f"v {x} {y} {z}" for x, y, z in vertices]
    lines += [f"vt {x / 20} {y / 20}" for x, y, _ in vertices]
    for number, name in enumerate(("M_Face", "M_ScleraLeft")):
        lines.append(f"usemtl {name}")
        for face in faces[material == number]:
            lines.append("f " + " ".join(f"{v + 1}/{v + 1}" for v in face))
    return "\n".join(lines)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The toy data set twice: a folder of OBJ files and a packed one."""
    vertices, faces, material = tiny()
    deltas = np.random.default_rng(0).integers(-4, 5, (4, *vertices.shape)) / 8
    indices = json.dumps({"idx_to_landmark_verts": list(range(68))})
    objs, packed = tmp_path / "obj", tmp_path / "npz"
    for folder in (objs, packed):
        folder.mkdir()
        (folder / "vertex_indices.json").write_text(indices)
    names = ["identity000", "identity001", "jawOpen", "mouthSmile_L"]
    (objs / "generic_neutral_mesh.obj").write_text(obj_text(vertices, faces, material))
    for name, delta in zip(names, deltas, strict=True):
        (objs / f"{name}.obj").write_text(obj_text(vertices + delta, faces, material))
    np.savez(
        packed / "ict_facekit.npz",
        neutral=vertices,
        faces=faces,
        uv=vertices[:, :2] / 20,
        faces_uv=faces,
        face_material=material,
        materials=np.array(["M_Face", "M_ScleraLeft"]),
        identity_delta=deltas[:2].astype(np.float16),
        expression_delta=deltas[2:].astype(np.float16),
        expression_names=np.array(names[2:]),
    )
    return objs, packed


def test_obj_and_npz_give_the_same_head(folders: tuple[Path, Path]) -> None:
    a, b = (load_head(folder) for folder in folders)
    assert a.shape_names == b.shape_names == ("jawOpen", "mouthSmile_L")
    assert a.identities == 2
    for name in MorphableHead.__dataclass_fields__:
        x, y = getattr(a, name), getattr(b, name)
        if isinstance(x, np.ndarray):
            np.testing.assert_allclose(x, y, atol=1e-5, err_msg=name)
    assert set(np.unique(a.material)) == {SKIN, EYE_LEFT}


def test_missing_things_are_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    objs, packed = folders
    empty = tmp_path / "empty"
    empty.mkdir()
    np.savez(packed / "ict_facekit.npz", neutral=np.zeros((1, 3)))
    (objs / "vertex_indices.json").unlink()
    for folder, word in (
        (tmp_path / "nowhere", "not a folder"),
        (empty, "generic_neutral_mesh.obj"),
        (packed, "expression_delta"),
        (objs, "vertex_indices.json"),
    ):
        with pytest.raises(FaceLLMError, match=word) as caught:
            load_head(folder)
        assert "\n" not in str(caught.value)


def test_meshes_of_different_releases_are_refused(folders: tuple[Path, Path]) -> None:
    objs, _ = folders
    path = objs / "jawOpen.obj"
    path.write_text(path.read_text().replace("v 0.", "# v 0.", 1).replace("\nv ", "\n# v ", 1))
    with pytest.raises(FaceLLMError, match="one release"):
        load_head(objs)


def test_decimation_keeps_to_its_own_vertices() -> None:
    y, x = np.mgrid[:30, :30]
    points = np.stack([x, y, np.sin(x / 5) * 2], -1).reshape(-1, 3).astype(np.float32)
    r, c = np.mgrid[:29, :29]
    a = (r * 30 + c).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + 31], 1), np.stack([a, a + 31, a + 30], 1)])
    thin = decimate(points, triangles, 400)
    assert 200 < len(thin) <= 420
    assert thin.min() >= 0 and thin.max() < len(points)
    assert decimate(points, triangles, 5000).shape == triangles.shape


def test_the_procedural_head_has_every_landmark_apart() -> None:
    head = load_head("procedural")
    assert head.points_rest.shape == (68, 3)
    twins = {(60, 48), (54, 64)}
    gaps = np.linalg.norm(head.points_rest[:, None] - head.points_rest[None], axis=2)
    close = {(int(a), int(b)) for a, b in np.argwhere(gaps < 0.1) if a < b}
    inner = {(61, 67), (62, 66), (63, 65)}  # closed lips touch
    assert close <= inner | twins
