"""Captioning with a model in this process."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.report import FaceReport
from facellm.core.sample import Face
from facellm.faces import ImageSource, load_image
from facellm.reader import FaceReader


class Captioner(Protocol):
    """What reads the pictures of a job, here or elsewhere."""

    group: int
    """Pictures to hand over at once."""

    def look(self, source: ImageSource) -> object:
        """What can be done ahead for one picture, while the model reads others; from threads.

        Raises:
            FaceLLMError: the picture cannot be read.
        """

    def describe(self, looked: Sequence[object]) -> list[FaceReport | FaceLLMError]:
        """Read pictures; an error in the place of each that cannot be read."""


class LocalCaptioner:
    """A `FaceReader`; faces are found ahead in threads."""

    def __init__(self, reader: FaceReader, group: int = 16) -> None:
        self.group = group
        self._reader = reader

    def look(self, source: ImageSource) -> tuple[Image.Image, list[Face]]:
        picture = load_image(source)
        return picture, self._reader.finder.find(picture)

    def describe(self, looked: Sequence[object]) -> list[FaceReport | FaceLLMError]:
        pictures: list[tuple[Image.Image, list[Face]]] = list(looked)  # type: ignore[arg-type]
        return [*self._reader.describe_found(pictures, self._reader.finder.name)]


def weights_digest(folder: Path) -> str:
    """Tells two checkpoints apart, also where one took the other's place in the same folder."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")]):
        if file.name in ("config.json", "processor_config.json", "tokenizer.json") or (
            file.suffix == ".safetensors"
        ):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]
