"""Pictures and clips of rows, cut into the views that the model sees of them.

picture ─ landmarks, or the finder ─► a view a face, or the whole picture
clip ─ frames_shown ─► frames ─ people_shown ─► a picture each, every person in a slot of its own
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facellm.core.sample import Face, Frame
from facellm.faces import Finder, load_finder, load_image
from facellm.faces.clips import frames_shown, people_shown, told
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.views import cut, picture_view
from facellm.train.crops import CROP, crop_of
from facellm.train.inputs import Seen


class Film(NamedTuple):
    """A clip as pictures: the views of each frame, and its seconds."""

    pictures: list[list[Seen]]
    times: list[float]


def unrolled(parts: Iterable[dict[str, Any]], films: Iterator[Film]) -> list[dict[str, Any]]:
    """A message's parts with a picture for each frame of a video, its times before the next text.

    One video and a question become what `facellm.prompts.about_clip` makes of them.
    """
    shown: list[dict[str, Any]] = []
    times = ""
    for part in parts:
        if times and part["type"] == "text":
            part, times = part | {"text": f"{times} {part['text']}"}, ""
        elif times:
            shown.append({"type": "text", "text": times})
            times = ""
        if part["type"] == "video":
            film = next(films)
            shown += [{"type": "image"}] * len(film.pictures)
            times = told(film.times)
        else:
            shown.append(part)
    return [*shown, {"type": "text", "text": times}] if times else shown


class Shelf:
    """Pictures and clips cut into views, each once however many rows talk about it."""

    def __init__(self, images: FaceLLMImageProcessor, frames: int) -> None:
        """Frames: of a clip, at most."""
        self.images, self.frames = images, frames
        self.known: dict[Any, list[Seen]] = {}
        self.films: dict[Any, Film] = {}
        self.pixels: list[Tensor] = []
        self.points: list[Tensor] = []
        self.whole: list[Tensor] = []

    def place(self, picture: Any, folder: Path, points: Any) -> list[Seen]:
        """The views of a picture: a path, or the `bytes` and `path` of a parquet cell."""
        cell = picture if isinstance(picture, dict) else {"path": picture, "bytes": None}
        data = cell.get("bytes")
        key = (hash(data) if data else str(folder / cell["path"]), str(points) if points else None)
        if key not in self.known:
            image = load_image(data or folder / cell["path"])
            self.known[key] = self._cut(image, points)
        return self.known[key]

    def film(self, path: Path, known: Sequence[Frame]) -> Film:
        """The views of a clip's frames.

        Args:
            path: a video file.
            known: frames whose faces are known; without any, they are spread over the clip, and
                the finder looks.

        Raises:
            FaceLLMError: a file that is no video or breaks off, or no face in any frame.
        """
        key = (str(path), str(known) if known else None)
        if key not in self.films:
            shown = frames_shown(path, self.frames, known=known)
            points = people_shown(shown, self._look, self.images.max_faces, path.name)
            views = [self._cut(one.image, p) for one, p in zip(shown, points, strict=True)]
            self.films[key] = Film(views, [one.time for one in shown])
        return self.films[key]

    @cached_property
    def _finder(self) -> Finder:
        return load_finder(self.images.finder)

    def _look(self, image: Image.Image) -> list[Face]:
        return self._finder.find(image)

    def _cut(self, image: Image.Image, points: Any) -> list[Seen]:
        faces = self.images.points_of(image, points)
        views = []
        for slot, face in enumerate(faces):
            if np.isnan(face).all():
                continue  # the person of this slot is away
            pixels, places = crop_of(image, face)
            views.append(Seen("face", -1, len(self.pixels), slot))
            self.pixels.append(pixels)
            self.points.append(places)
        if not views:
            plain = cut(image, picture_view(*image.size, 0), self.images.image_size)
            views.append(Seen("whole", -1, len(self.whole)))
            self.whole.append(torch.from_numpy(np.asarray(plain).transpose(2, 0, 1).copy()))
        return views

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """What `Talks` keeps: crops of faces, their points, and whole pictures."""
        size = self.images.image_size
        return (
            torch.stack(self.pixels) if self.pixels else torch.empty(0, 3, CROP, CROP).byte(),
            torch.stack(self.points) if self.points else torch.empty(0, 68, 2),
            torch.stack(self.whole) if self.whole else torch.empty(0, 3, size, size).byte(),
        )
