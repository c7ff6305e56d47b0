"""Jobs whose answers say which picture they are about, and files to caption."""

import os
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scripted import CAPTION, ScriptedEngine

from facellm.batch import Job, LocalCaptioner, Settings, caption
from facellm.batch.inputs import Inputs
from facellm.core.sample import Face
from facellm.faces.finder import make_face
from facellm.prompts import Completion, Request
from facellm.reader import FaceReader

GRID = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), -1).reshape(-1, 2)


class ColourFinder:
    """As many faces as the red of the first pixel says, modulo 3."""

    name = "given"

    def find(self, image: Image.Image) -> list[Face]:
        count = np.asarray(image)[0, 0, 0] % 3
        return [
            make_face(GRID * 8 + (2 + 14 * n, 4), (2 + 14 * n, 4, 10 + 14 * n, 12))
            for n in range(count)
        ]


class ColourEngine(ScriptedEngine):
    """Names the colour of the picture's first pixel and the place of the face."""

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__()
        self._pause = pause

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        time.sleep(self._pause)
        answers = super().generate(requests)
        self.asked.clear()
        return [
            Completion(f"{said(one)} {CAPTION}") if answer.text == CAPTION else answer
            for one, answer in zip(requests, answers, strict=True)
        ]


def said(request: Request) -> str:
    return f"{np.asarray(request.image)[0, 0].tolist()} at {request.landmarks[0, 0, 0]:.0f}."


SETTINGS = Settings(
    model="facellm-scripted", weights="", finder="given", engine="transformers", fps=2.0,
    sample="uniform", format="parquet",
)  # fmt: skip


def job(out: Path, *named: object, settings: Settings = SETTINGS, **more: Any) -> Job:
    column, limit = more.pop("column", None), more.pop("limit", None)
    inputs = Inputs([str(name) for name in named], column, limit)
    return Job(inputs, out, settings, **{"keep_every": 0.0, **more})


def do(one: Job, pause: float = 0.0, group: int = 4) -> dict[str, Any]:
    reader = FaceReader(ColourEngine(pause), ColourFinder())
    return caption(one, lambda: LocalCaptioner(reader, group))


def quietly(one: Job, pause: float = 0.0) -> None:
    """For a process of its own."""
    os.close(2)
    os.open(os.devnull, os.O_WRONLY)
    do(one, pause)


def colour(n: int) -> tuple[int, int, int]:
    return n % 256, n // 256, 77


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for n in range(count):
        Image.new("RGB", (40, 20), colour(n)).save(folder / f"{n:05d}.png")
    return folder


def write_clip(path: Path, frames: int, size: tuple[int, int] = (64, 48), rate: int = 10) -> Path:
    """A moving gradient with lossless colours, so that the finder sees what was drawn."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "mpeg4", Fraction(rate))
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0" if path.suffix == ".mkv" else "yuv420p"
        for n in range(frames):
            image = np.full((size[1], size[0], 3), colour(n), np.uint8)
            image[5:, n % size[0]] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path
