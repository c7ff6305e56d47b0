"""Write a corpus of rendered frames: images and their samples, the same for any worker count.

Frame n shows person `start_identity + n % identities` and is drawn from the seed and n alone, so
workers can take frames in any order, and a larger corpus begins with the smaller one's frames.
"""

import hashlib
import io
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from data_engine.rig.frame import RigFrame
from data_engine.rig.load import load_head
from data_engine.rig.render import Rig
from data_engine.rig.sampling import random_spec
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples

_QUALITY = 92


@dataclass(frozen=True)
class Job:
    """What to render."""

    head: str
    """Folder of ICT-FaceKit, or "procedural"."""
    out: Path
    count: int
    seed: int
    identities: int
    start_identity: int = 0
    size: int = 128

    def check(self) -> None:
        """Raise FaceLLMError for numbers that make no corpus."""
        for name, value, least in (
            ("count", self.count, 1),
            ("identities", self.identities, 1),
            ("start-identity", self.start_identity, 0),
            ("seed", self.seed, 0),
            ("size", self.size, 32),
        ):
            if value < least:
                raise FaceLLMError(f"--{name} is {value}, expected at least {least}")


def render_corpus(job: Job, workers: int = 1) -> Iterator[int]:
    """Render the job into `job.out`; yields the number of frames done so far.

    Writes `images/NNNNNN.jpg` and, last and at once, `samples.jsonl` in frame order.
    """
    job.check()
    if workers < 1:
        raise FaceLLMError(f"--workers is {workers}, expected at least 1")
    load_head(job.head)  # a wrong folder is one clear line here, not a traceback in each worker
    (job.out / "images").mkdir(parents=True, exist_ok=True)
    blocks = _blocks(job)
    samples: dict[int, Sample] = {}
    with multiprocessing.get_context("spawn").Pool(workers, _start, (job,)) as pool:
        for block in pool.imap_unordered(_render_block, blocks):
            samples.update(block)
            yield len(samples)
    write_samples(job.out / "samples.jsonl", (samples[n] for n in sorted(samples)))


def _blocks(job: Job) -> list[list[int]]:
    """Frame numbers by person: a worker paints each person once."""
    return [
        list(range(person, job.count, job.identities))
        for person in range(min(job.identities, job.count))
    ]


_worker: tuple[Job, Rig] | None = None


def _start(job: Job) -> None:
    """Prepare one worker process: one thread, its own head."""
    global _worker
    cv2.setNumThreads(1)
    _worker = job, Rig(load_head(job.head), job.size)


def _render_block(numbers: list[int]) -> dict[int, Sample]:
    assert _worker is not None, "the pool runs _start first"
    job, rig = _worker
    return {n: _render_one(job, rig, n) for n in numbers}


def _render_one(job: Job, rig: Rig, number: int) -> Sample:
    identity = job.start_identity + number % job.identities
    spec = random_spec(np.random.default_rng((job.seed, number)), identity)
    frame = rig.render(spec)
    name = f"images/{number:06d}.jpg"
    data = jpeg(frame.image)
    (job.out / name).write_bytes(data)
    return sample_of(frame, rig, identity, name, data)


def jpeg(image: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 for storage."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def sample_of(frame: RigFrame, rig: Rig, identity: int, name: str, data: bytes) -> Sample:
    """The sample of a stored frame: `data` are the bytes under `name`."""
    x0, y0, x1, y1 = (round(v, 2) for v in frame.box)
    pitch, yaw, roll = (round(v, 4) for v in frame.pose)
    face = Face(
        box=(x0, y0, x1, y1),
        points=[(round(float(x), 2), round(float(y), 2)) for x, y in frame.points],
        visible=[bool(v) for v in frame.visible],
        labels=FaceLabels(
            emotion=frame.emotion,
            action_units={au: round(x, 3) for au, x in frame.action_units.items()},
            pose=(pitch, yaw, roll),
            gaze=(round(frame.gaze[0], 4), round(frame.gaze[1], 4)),
        ),
    )
    return Sample(
        id=hashlib.sha256(data).hexdigest()[:16],
        image=name,
        faces=[face],
        provenance=Provenance(
            source=rig.head.source,
            licence=rig.head.licence,
            subject_id=frame.subject_id,
            consent="rendered, no person is shown",
        ),
        split=split_of(identity),
    )


def split_of(identity: int) -> Literal["train", "val", "test"]:
    """Split by person: one in ten is for testing, one for validation."""
    last = identity % 10
    return "test" if last == 9 else "val" if last == 8 else "train"
