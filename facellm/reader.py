"""The Python interface: pictures in, reports and answers out.

import facellm
reader = facellm.load()
report = reader.describe("photo.jpg")
answer = reader.ask("photo.jpg", "Why does this person look tense?")
clip = reader.describe_video("clip.mp4")
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from PIL import Image

from facellm.checkpoint import checkpoint_folder
from facellm.core.clip_report import ClipReport
from facellm.core.report import FaceReport
from facellm.core.sample import Face
from facellm.describe import Describer
from facellm.faces import Finder, ImageSource, load_finder, load_image
from facellm.faces.clips import FRAMES, frames_shown, people_shown
from facellm.faces.sampling import Sampling
from facellm.prompts import Request, WordTree, about_clip, face_at, landmarks_of, largest
from facellm.video import describe_clip, one_face

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
        self._describer = Describer(engine.tokenizer, engine.expression_temperature)

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
        [report] = self.describe_found([(picture, found)], name)
        return report.drawn_by(lambda: self.annotate(image, report))

    def describe_found(
        self, pictures: Sequence[tuple[Image.Image, Sequence[Face]]], finder: str
    ) -> list[FaceReport]:
        """Read the faces of several pictures at once, which keeps the engine's batches full.

        Args:
            pictures: RGB pictures with their faces from left to right.
            finder: name of the finder, for the record.
        """
        asked = [self._describer.requests(picture, faces) for picture, faces in pictures]
        flat = [request for requests in asked for request in requests]
        # Answers to one question are about equally long: in a batch none waits for another.
        order = sorted(range(len(flat)), key=lambda index: flat[index].question)
        answers = dict(zip(order, self.engine.generate([flat[i] for i in order]), strict=True))
        remaining = iter([answers[index] for index in range(len(flat))])
        return [
            self._describer.report(
                picture, faces, list(islice(remaining, len(requests))), finder, self.engine.name
            )
            for (picture, faces), requests in zip(pictures, asked, strict=True)
        ]

    def describe_many(self, images: Sequence[ImageSource]) -> list[FaceReport]:
        """Read several pictures at once; see `describe`. All of them are in memory together."""
        pictures = [load_image(image) for image in images]
        found = [(picture, self.finder.find(picture)) for picture in pictures]
        return self.describe_found(found, self.finder.name)

    def describe_video(
        self, path: str | Path, fps: float = 5.0, sample: Sampling = "uniform"
    ) -> ClipReport:
        """Read the faces of a clip frame by frame, and what they do over time.

        Args:
            path: anything FFmpeg reads: mp4, mkv, webm, avi, gif.
            fps: frames read a second of the clip's time; with `change` and `peaks`, at most.
            sample: `uniform`; `change`: frames unlike the last one read; `peaks`: where most moves.

        A clip that breaks off is read as far as it goes; `problem` says so. Memory holds a few
        frames, whatever the length.

        Raises:
            FaceLLMError: a file that is no video, or PyAV is not installed.
        """
        return describe_clip(Path(path), self.describe_many, fps, sample)

    def describe_frames(
        self, frames: Sequence[tuple[int, float, Image.Image, Face | None]]
    ) -> ClipReport:
        """Read one face in chosen frames of a clip; see `describe_video`.

        Args:
            frames: of each frame the count of frames before it, seconds, RGB picture, and the face
                with its 68 points; None where it is not to be seen.
        """
        shown = [(image, [] if face is None else [face]) for *_, image, face in frames]
        reports = self.describe_found(shown, "given")
        read = zip(frames, reports, strict=True)
        return one_face((number, time, report) for (number, time, *_), report in read)

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

    def ask_video(self, path: str | Path, question: str, frames: int = FRAMES) -> str:
        """Ask one question about a clip as a whole, all of its frames in one prompt.

        The model sees what clips in training look like: face 1 is the person whose face is largest
        over the clip, the others follow as they appear, and everybody keeps their number.

        Args:
            path: anything FFmpeg reads: mp4, mkv, webm, avi, gif.
            question: in words.
            frames: of the clip, evenly from the first to the last, at most.

        Raises:
            FaceLLMError: a file that is no video or breaks off, no face in any frame, or more
                frames and faces than the model can read.
        """
        shown = frames_shown(Path(path), frames)
        points = people_shown(shown, self.finder.find, self.max_faces, Path(path).name)
        seen = [(one.time, one.image, faces) for one, faces in zip(shown, points, strict=True)]
        return self.engine.generate([about_clip(seen, question)])[0].text

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
