"""Pictures, clips and samples that the step tests make for themselves."""

import hashlib
import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data_engine.step import Item, Reject, Step
from facellm.core.sample import Clip, Face, FaceLabels, Provenance, Sample
from facellm.faces.crop import box_of
from facellm.faces.mean_shape import MEAN_SHAPE


def face_at(
    x: float, y: float, eyes: float = 50.0, tilt: float = 0.0, labels: FaceLabels | None = None
) -> Face:
    """A mean face around (x, y), `eyes` pixels between the eyes, turned clockwise by `tilt`."""
    turn = np.array([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]])
    points = MEAN_SHAPE * eyes @ turn + (x, y)
    return Face(
        box=box_of(points), points=[(float(a), float(b)) for a, b in points],
        labels=labels or FaceLabels(),
    )  # fmt: skip


def texture(seed: int, size: tuple[int, int] = (320, 320)) -> Image.Image:
    """A smooth random grey picture (width, height): no two seeds look alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(30, 225, (10, 10)).astype(np.float32)
    grey = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    grey += rng.normal(0, 6, grey.shape)
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")


def sample_of(
    folder: Path, name: str, image: Image.Image | None, faces: list[Face] | None = None,
    subject: str = "", split: str = "train",
) -> Sample:  # fmt: skip
    """Store a picture and describe it; without an image the file is there but broken."""
    path = folder / name
    if image is None:
        path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    else:
        image.save(path)
    return Sample(
        id=hashlib.sha256(path.read_bytes()).hexdigest()[:16], image=name, faces=faces or [],
        provenance=Provenance(source="test", licence="CC0", subject_id=subject or name),
        split=split,
    )  # fmt: skip


def clip_of(video: str, **changes: object) -> Clip:
    provenance = Provenance(source="test", licence="CC0", subject_id=video)
    return Clip(id=f"clip-{video}", video=video, provenance=provenance, **changes)


def write_video(path: Path, images: list[np.ndarray], fps: int = 10, codec: str = "mpeg4") -> Path:
    """Encode (H, W, 3) frames."""
    import av

    # The header at the front, as on the web: a truncated file then still opens.
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def outcome(step: Step, items: list[Item], folder: Path) -> tuple[list[Item], list[Reject]]:
    """What a step keeps and what it rejects; a second run must give the same."""
    outputs = list(step.run(items, folder))
    assert outputs == list(step.run(items, folder)), "a step must be deterministic"
    kept = [item for item in outputs if not isinstance(item, Reject)]
    rejects = [item for item in outputs if isinstance(item, Reject)]
    assert all(r.step == step.name and str(folder) not in r.detail for r in rejects)
    return kept, rejects
