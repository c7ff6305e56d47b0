"""The strong finder: YuNet (OpenCV) says where, MediaPipe's FaceLandmarker says which points.

    picture → YuNet boxes + 5 points → upright crop of each face → FaceLandmarker → 68 of 478 points
                                            └ wider, then larger crops when it sees no face
                                            └ at last: the mean face laid on YuNet's 5 points

FaceLandmarker alone overlooks small faces; on crops it finds them. Where even that fails the points
are those of a mean face (right place, size and tilt, no expression) and the confidence is halved.
"""

import atexit
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import Points
from facellm.core.sample import Face
from facellm.faces.crop import Crop, box_of, pixels
from facellm.faces.finder import left_to_right, make_face
from facellm.faces.mean_shape import fit_mean_shape
from facellm.faces.mesh68 import mesh_to_68
from facellm.faces.quiet import quiet_stderr
from facellm.faces.yunet import Found, YuNet

CROPS = ((2.0, 256), (2.6, 256), (1.6, 320), (3.4, 384))
"""Crops tried in turn: width in units of YuNet's box, pixels."""
MOST_FACES = 16
INSTALL = "the mediapipe finder needs a package: pip install 'facellm[mediapipe]'"


class FoundFace(NamedTuple):
    """A face with MediaPipe's blendshape scores in [0, 1]; none where its points are a guess."""

    face: Face
    blendshapes: dict[str, float]


class MediapipeFinder:
    """Boxes by YuNet, points by FaceLandmarker; threads may share it, their calls take turns."""

    name = "mediapipe"

    def __init__(self, landmarker: Path, detector: Path | None = None) -> None:
        """Load the models.

        Args:
            landmarker: MediaPipe's `face_landmarker.task`.
            detector: YuNet's `.onnx`; without it FaceLandmarker looks at the whole picture, small
                faces are missed and the confidence is 1.

        Raises:
            FaceLLMError: a missing or foreign file, or no mediapipe package.
        """
        self._lock = threading.Lock()
        self._detector = YuNet(detector) if detector else None
        self._landmarker = _load_landmarker(landmarker)

    @classmethod
    def from_folder(cls, model: Path | None) -> "MediapipeFinder":
        """Find the model files in a folder, or take the one `.task` file named.

        Raises:
            FaceLLMError: no path given, or no `.task` file there.
        """
        if model is None:
            raise FaceLLMError(
                "the mediapipe finder needs its model files: name their folder, or fetch them "
                "with `python -m facellm.faces.download FOLDER`"
            )
        model = Path(model)
        if model.is_file():
            return cls(model)
        tasks = sorted(model.glob("*.task"))
        if not tasks:
            raise FaceLLMError(f"no .task file in {given(model)}; expected face_landmarker.task")
        return cls(tasks[0], next(iter(sorted(model.glob("*yunet*.onnx"))), None))

    def find(self, image: Image.Image) -> list[Face]:
        return [found.face for found in self.find_with_blendshapes(image)]

    def find_with_blendshapes(self, image: Image.Image) -> list[FoundFace]:
        """Find faces, left to right, with their scores (`jawOpen`, `mouthSmileLeft`, …)."""
        array = pixels(image)
        with self._lock:
            if self._detector is None:
                found = [_found(*seen, 1.0) for seen in self._landmarks(array)]
            else:
                found = [self._describe(array, box) for box in self._detector.find(array)]
        order = left_to_right(item.face for item in found)
        return sorted(found, key=lambda item: order.index(item.face))

    def _describe(self, array: np.ndarray, seen: Found) -> FoundFace:
        for widen, size in CROPS:
            crop = Crop(*seen.centre, widen * seen.size, seen.roll)
            faces = self._landmarks(crop.cut(array, size))
            placed = [(crop.to_picture(points, size), scores) for points, scores in faces]
            inside = [item for item in placed if seen.owns(item[0])]
            if inside:
                return _found(*inside[0], seen.confidence)
        return _found(fit_mean_shape(seen.points), {}, seen.confidence / 2)

    def _landmarks(self, array: np.ndarray) -> list[tuple[Points, dict[str, float]]]:
        import mediapipe as mp

        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=array)
        result = self._landmarker.detect(picture)
        scale = np.array([array.shape[1], array.shape[0]])
        meshes = [np.array([(p.x, p.y) for p in mesh]) * scale for mesh in result.face_landmarks]
        named = [{c.category_name: float(c.score) for c in s} for s in result.face_blendshapes]
        return [(mesh_to_68(m), s) for m, s in zip(meshes, named, strict=True)]


def _found(points: Points, scores: dict[str, float], confidence: float) -> FoundFace:
    scores.pop("_neutral", None)  # carries no information: it is close to zero on every face
    return FoundFace(make_face(points, box_of(points), confidence), scores)


def _load_landmarker(path: Path) -> Any:
    if not path.is_file():
        raise FaceLLMError(f"no such model file: {given(path)}; expected face_landmarker.task")
    # MediaPipe logs from C++ as it loads and at its first picture; nothing of it is for users.
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError:
        raise FaceLLMError(INSTALL) from None
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(path)),
        num_faces=MOST_FACES,
        min_face_detection_confidence=0.3,
        output_face_blendshapes=True,
    )
    with quiet_stderr():
        try:
            landmarker = vision.FaceLandmarker.create_from_options(options)
            blank = np.zeros((64, 64, 3), np.uint8)
            landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=blank))
        except (RuntimeError, ValueError):
            raise FaceLLMError(f"{given(path)} is no FaceLandmarker model (.task)") from None
    # Closing needs a thread, which a process that ends no longer starts: the destructor would print
    # a traceback. Without a handle it does nothing, and the process returns the memory anyway.
    atexit.register(vars(landmarker).update, _handle=None)
    return landmarker
