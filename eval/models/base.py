"""What a model under test is: something that answers questions, one after the other or at once."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from PIL import Image, ImageOps

from eval.corruptions import corrupt, hide_tile
from eval.question import HIDE, MIRROR, Answer, Question
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Face, FaceLabels
from facellm.faces import load_image
from facellm.faces.mesh68 import MIRROR_68


class Model(Protocol):
    """A model under test; a question it cannot answer comes back with an error, not lost."""

    name: str

    def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """Answer all questions, in whatever order the answers become ready."""
        ...


class Shown(NamedTuple):
    """What a model is shown of a question."""

    image: Image.Image
    faces: list[Face]
    """The faces of the sample where they are in this picture, from the left."""


def shown(question: Question) -> Shown:
    """The picture as stored, spoilt as the benchmark says, or mirrored with its faces.

    Raises:
        FaceLLMError: a picture that cannot be read, or a clip, which is no picture.
    """
    if question.shots is not None:
        raise FaceLLMError(f"{given(question.sample.image)} is a clip; expected a picture")
    image = load_image(question.corpus / question.sample.image)
    faces = question.sample.faces
    if question.corruption == MIRROR:
        turned = [mirrored(face, image.width) for face in reversed(faces)]
        return Shown(ImageOps.mirror(image), turned)
    if question.corruption.startswith(f"{HIDE}:"):
        _, grid, tile = question.corruption.split(":")
        return Shown(hide_tile(image, faces[question.face - 1], int(grid), int(tile)), faces)
    if question.corruption:
        image = corrupt(image, question.corruption, faces, seed=question.id)
    return Shown(image, faces)


def mirrored(face: Face, width: int) -> Face:
    """A face where it is in the mirrored picture; points keep their meaning, left and right swap.

    Yaw and roll of pose and gaze change sides; all other labels have none.
    """
    x0, y0, x1, y1 = face.box
    turned: dict[str, object] = {
        "box": (width - x1, y0, width - x0, y1),
        "labels": _mirrored_labels(face.labels),
    }
    if face.points is not None:
        turned["points"] = [(width - x, y) for x, y in (face.points[place] for place in MIRROR_68)]
    if face.visible is not None:
        turned["visible"] = [face.visible[place] for place in MIRROR_68]
    return face.model_copy(update=turned)


def _mirrored_labels(labels: FaceLabels) -> FaceLabels:
    turned: dict[str, object] = {}
    if labels.pose is not None:
        pitch, yaw, roll = labels.pose
        turned["pose"] = (pitch, -yaw, -roll)
    if labels.gaze is not None:
        turned["gaze"] = (labels.gaze[0], -labels.gaze[1])
    return labels.model_copy(update=turned)
