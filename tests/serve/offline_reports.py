"""Run by a test in its own process: the same pictures through both engines.

python offline_reports.py CHECKPOINT OUT.json
"""

import json
import sys
from pathlib import Path

from PIL import Image

from facellm.engine import TransformersEngine
from facellm.faces import load_finder
from facellm.reader import FaceReader
from serve.offline import vllm_engine


def pictures() -> list[Image.Image]:
    """Two with a face, one without."""
    from skimage import data

    photo = Image.fromarray(data.astronaut())
    return [photo, Image.new("RGB", (300, 200), (90, 120, 90)), photo.crop((60, 0, 400, 300))]


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
    Path(out).write_text(json.dumps(reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
