"""The same pictures through both engines, as reports; part of `parity.py`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facellm.engine import TransformersEngine
from facellm.faces import Finder, load_finder
from facellm.prompts import Request
from facellm.reader import FaceReader


def pictures() -> list[Image.Image]:
    """Two with a face, one without."""
    from skimage import data

    photo = Image.fromarray(data.astronaut())
    return [photo, Image.new("RGB", (300, 200), (90, 120, 90)), photo.crop((60, 0, 400, 300))]


def clip_request(finder: Finder) -> Request:
    """One question about three pictures, the second without a face."""
    points = [[face.points for face in finder.find(picture)] for picture in pictures()]
    shown = [
        (picture, np.asarray(faces, np.float32).reshape(-1, 68, 2))
        for picture, faces in zip(pictures(), points, strict=True)
    ]
    return Request(*shown[0], "Describe face 2.", more=tuple(shown[1:]))


def reports(vllm: Any, folder: Path) -> dict[str, Any]:
    """Reports and an answer about several pictures by vLLM's engine and by transformers'."""
    finder = load_finder()
    engines = {"vllm": vllm, "transformers": TransformersEngine(folder)}
    read = {
        name: [
            json.loads(report.model_dump_json())
            for report in FaceReader(engine, finder).describe_many(pictures())
        ]
        for name, engine in engines.items()
    }
    clip = clip_request(finder)
    answers = {name: engine.generate([clip])[0].text for name, engine in engines.items()}
    return {"reports": read, "clip": answers}
