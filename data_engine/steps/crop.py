"""Cut each face out, upright, into a picture of its own."""

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from data_engine.rig.camera import angles, direction, rotation
from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import Opened, opened, reject, square_around
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Face, FaceLabels, Sample
from facellm.faces.crop import box_of, pixels


class Crop(Step):
    """One square picture and one sample a face; clips and rows pass as they are.

    The picture's edge repeats where a crop reaches beyond it. Box, points, pose and gaze follow;
    all other labels stay. Rejects: `missing_file`, `unreadable_file`,
    `no_face`.
    """

    name: ClassVar[str] = "crop"

    size: int = Field(default=256, ge=32, le=2048)
    """Pixels along an edge of the crops."""
    margin: float = Field(default=1.6, ge=1, le=5)
    """Width of the crop in units of the face's own square."""
    upright: bool = True
    """Turn the crop so that the eye line is level; a face without points is never turned."""
    store: str = "crops"
    """Folder of the crops, below the corpus folder."""
    encoding: Literal["png", "jpeg"] = "png"
    """`jpeg` (quality 95) is about a fifth of the size of `png`, which is exact."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        into = folder_below(folder, self.store)
        for one in opened(items, folder, self.name):
            if not isinstance(one, Opened):
                yield one
                continue
            if not one.sample.faces:
                yield reject(one.sample, self.name, "no_face", "put find_faces before crop")
            for face in one.sample.faces:
                yield self._cut(one.sample, face, pixels(one.image), into, folder)

    def _cut(
        self, sample: Sample, face: Face, array: np.ndarray, into: Path, folder: Path
    ) -> Sample:
        crop = square_around(face, self.margin, self.upright)
        data = encode(crop.cut(array, self.size), self.encoding)
        corners = np.array(face.box).reshape(2, 2)[[[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1]]
        points = None
        if face.points:
            inside = crop.to_crop(np.array(face.points), self.size)
            points = [(round(float(x), 2), round(float(y), 2)) for x, y in inside]
            box = box_of(inside)
        else:
            moved = crop.to_crop(corners, self.size)
            box = (*moved.min(0).tolist(), *moved.max(0).tolist())
        x0, y0, x1, y1 = (round(v, 2) for v in box)
        changed = {
            "box": (x0, y0, x1, y1),
            "points": points,
            "labels": _turned(face.labels, crop.angle),
        }
        identity, path = store(data, into, self.encoding)
        return sample.model_copy(
            update={
                "id": identity,
                "image": Path(os.path.relpath(path, folder)).as_posix(),
                "faces": [face.model_copy(update=changed)],
            }
        )


def _turned(labels: FaceLabels, angle: float) -> FaceLabels:
    """Labels in a picture turned counter-clockwise by `angle`, which turns every line in it.

    Roll comes first in a pose, before pitch and yaw (`data_engine.rig.camera`), so these two turn
    like the line of sight: who looks to the right in a picture on its side looks up or down.
    """
    if angle == 0:
        return labels
    spin = rotation(0.0, 0.0, angle)
    turned: dict[str, tuple[float, ...]] = {}
    if labels.pose is not None:
        head = spin @ rotation(*labels.pose)
        pitch, yaw = angles(head[:, 2])
        rolled = rotation(pitch, yaw, 0.0).T @ head
        roll = float(np.arctan2(rolled[1, 0], rolled[0, 0]))
        turned["pose"] = (round(pitch, 4), round(yaw, 4), round(roll, 4))
    if labels.gaze is not None:
        pitch, yaw = angles(spin @ direction(*labels.gaze))
        turned["gaze"] = (round(pitch, 4), round(yaw, 4))
    return labels.model_copy(update=turned)


def folder_below(folder: Path, name: str) -> Path:
    """Make and return a folder inside the corpus folder.

    Raises:
        FaceLLMError: a name that leads out of it.
    """
    into = folder / name
    if not into.resolve().is_relative_to(folder.resolve()):
        raise FaceLLMError(f"store {given(name)} leads out of the corpus folder; name one below it")
    into.mkdir(parents=True, exist_ok=True)
    return into


def encode(array: np.ndarray, encoding: Literal["png", "jpeg"]) -> bytes:
    """Encode (H, W, 3) uint8 for storage; equal pixels give equal bytes."""
    buffer = io.BytesIO()
    options = {"quality": 95} if encoding == "jpeg" else {"compress_level": 4}
    Image.fromarray(array).save(buffer, encoding.upper(), **options)
    return buffer.getvalue()


def store(data: bytes, into: Path, encoding: str) -> tuple[str, Path]:
    """Write a picture under its content hash, whole or not at all; returns id and path."""
    identity = hashlib.sha256(data).hexdigest()[:16]
    path = into / f"{identity}.{'jpg' if encoding == 'jpeg' else encoding}"
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(path)
    return identity, path
