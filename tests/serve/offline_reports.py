"""Run by a test in its own process: the same pictures through both engines.

python offline_reports.py CHECKPOINT OUT.json
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from facellm.engine import TransformersEngine
from facellm.faces import Finder, load_finder
from facellm.prompts import Request
from facellm.reader import FaceReader
from serve.offline import vllm_engine


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


def main(checkpoint: str, out: str) -> None:
    finder = load_finder()
    # vLLM first: it wants to set up the process before torch has been used in it.
    engines = {"vllm": vllm_engine(Path(checkpoint))}
    engines["transformers"] = TransformersEngine(Path(checkpoint))
    reports = {
        name: [
            json.loads(report.model_dump_json())
            for report in FaceReader(engine, finder).describe_many(pictures())
        ]
        for name, engine in engines.items()
    }
    clip = clip_request(finder)
    answers = {name: engine.generate([clip])[0].text for name, engine in engines.items()}
    Path(out).write_text(json.dumps({"reports": reports, "clip": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
