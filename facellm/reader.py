"""The Python interface: pictures in, reports and answers out.

import facellm
reader = facellm.load()
report = reader.describe("photo.jpg")
answer = reader.ask("photo.jpg", "Why does this person look tense?")
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from PIL import Image

from facellm.checkpoint import checkpoint_folder
from facellm.core.report import FaceReport
from facellm.core.sample import Face
from facellm.describe import Describer
from facellm.faces import Finder, ImageSource, load_finder, load_image
from facellm.prompts import Request, WordTree, face_at, landmarks_of, largest

if TYPE_CHECKING:
    from facellm.engine import TransformersEngine


def load(
    model: str | Path | None = None,
    finder: str | Finder = "builtin",
    finder_model: Path | None = None,
    device: str | None = None,
) -> "FaceReader":
    """Load a model and a finder.

    Args:
        model: a model folder; None is the one that ships with the package.
        finder: `builtin`, `mediapipe` or a finder object.
        finder_model: the finder's model files, where it needs any.
        device: such as `cuda:0`; None takes a GPU where there is one.

    Raises:
        FaceLLMError: a folder that holds no model, damaged weights, or missing finder files.
    """
    folder = checkpoint_folder(model)  # before anything that takes seconds to import
    found = load_finder(finder, finder_model) if isinstance(finder, str) else finder
    from facellm.engine import TransformersEngine

    return FaceReader(TransformersEngine(folder, device), found)


class FaceReader:
    """Reads the faces of pictures with a model in this process."""

    def __init__(self, engine: "TransformersEngine", finder: Finder) -> None:
        self.engine = engine
        self.finder = finder
        self._describer = Describer(engine.tokenizer)

    def describe(self, image: ImageSource, faces: Sequence[Face] | None = None) -> FaceReport:
        """Read every face of a picture.

        Args:
            image: path, bytes, Pillow image or array.
            faces: with their 68 points, from left to right; None looks for them.

        Raises:
            FaceLLMError: a picture that cannot be read.
        """
        picture = load_image(image)
        found = self.finder.find(picture) if faces is None else list(faces)
        name = self.finder.name if faces is None else "given"
        completions = self.engine.generate(self._describer.requests(picture, found))
        return self._describer.report(picture, found, completions, name, self.engine.name)

    @overload
    def ask(
        self,
        image: ImageSource,
        question: str,
        face: int | None = ...,
        *,
        stream: Literal[False] = ...,
    ) -> str: ...
    @overload
    def ask(
        self, image: ImageSource, question: str, face: int | None = ..., *, stream: Literal[True]
    ) -> Iterator[str]: ...
    def ask(
        self,
        image: ImageSource,
        question: str,
        face: int | None = None,
        *,
        stream: bool = False,
    ) -> str | Iterator[str]:
        """Ask one question about a picture.

        Args:
            image: path, bytes, Pillow image or array.
            question: in words.
            face: show the model this face alone, counted from 1 at the left; None shows all faces
                (the largest where there are more than the model takes), or the whole picture
                where there are none.
            stream: return the answer piece by piece, as it is written.

        Raises:
            FaceLLMError: a picture that cannot be read, or a face that is not there.
        """
        picture = load_image(image)
        request = question_about(picture, self.finder.find(picture), question, face, self.max_faces)
        if stream:
            return self.engine.stream(request)
        return self.engine.generate([request])[0].text

    @property
    def emotions(self) -> WordTree:
        """How the likelihood of each emotion is asked for where an answer names one."""
        return self._describer.emotions

    @property
    def max_faces(self) -> int:
        """How many faces one question may show."""
        return self.engine.max_faces

    def annotate(self, image: ImageSource, report: FaceReport | None = None) -> Image.Image:
        """Draw a report on its picture: boxes, points, regions, evidence maps and a panel.

        Args:
            image: path, bytes, Pillow image or array.
            report: what `describe` said about it; None asks first.
        """
        from facellm.draw import annotate

        picture = load_image(image)
        report = self.describe(picture) if report is None else report
        return annotate(picture, report, self.engine.evidence_maps(picture, faces_of(report)))


def question_about(
    image: Image.Image, faces: Sequence[Face], question: str, face: int | None, max_faces: int
) -> Request:
    """The request for one question, see `FaceReader.ask`.

    Raises:
        FaceLLMError: a face that is not there.
    """
    shown = largest(faces, max_faces) if face is None else [face_at(faces, face)]
    return Request(image, landmarks_of(shown), question)


def faces_of(report: FaceReport) -> list[Face]:
    """The faces of a report as the finder gave them."""
    return [
        Face(box=face.box, points=face.points, confidence=face.confidence) for face in report.faces
    ]
