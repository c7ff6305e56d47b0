"""Drawn clips of one mouth that opens or closes, and rows that ask about them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tiny_corpus import points

from facellm.core.sample import Clip, Face, Frame, Provenance

SIDE = 96
FPS = 10
QUESTION = "What does the mouth do?"
MOUTH = slice(48, 68)


def opened(level: float, width: float = 36.0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A face whose mouth is open by `level` in [0, 1], and its points."""
    image = Image.new("RGB", (SIDE, SIDE), (150, 110, 90))
    pen = ImageDraw.Draw(image)
    for x in (34, 62):
        pen.ellipse((x - 5, 34, x + 5, 42), fill=(30, 30, 40))
    high = 2 + 12 * level
    pen.ellipse((48 - width / 2, 68 - high, 48 + width / 2, 68 + high), fill=(70, 10, 20))
    placed = points(SIDE)
    turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    placed[MOUTH] = [(48 + width / 2 * np.cos(a), 68 + high * np.sin(a)) for a in turns]
    return np.asarray(image), placed


def face_of(placed: list[tuple[float, float]], left: float = 0.0) -> Face:
    return Face(box=(left + 15, 10, left + 81, 86), points=[(x + left, y) for x, y in placed])


def write_clips(
    folder: Path, count: int, seed: int = 0, frames: int = 4, shuffled: bool = False
) -> list[tuple[Path, bool]]:
    """Clips in pairs, the same frames in one order and in the other, and a row about each.

    Returns each clip and whether it opens. With `shuffled`, the frames of both are mixed at random
    and only the names of the pair's clips differ.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    written, clips, rows = [], [], []
    for pair in range(count // 2):
        low, high = rng.uniform(0, 0.25), rng.uniform(0.75, 1)
        width = rng.uniform(28, 44)
        drawn = [opened(level, width) for level in np.linspace(low, high, frames)]
        for opens in (True, False):
            order = list(range(frames)) if opens else list(range(frames))[::-1]
            order = rng.permutation(frames).tolist() if shuffled else order
            name = f"{pair}{'ab'[opens]}.mp4"
            write_video(folder / name, [drawn[n][0] for n in order])
            seen = [
                Frame(time=at / FPS, faces=[face_of(drawn[n][1])]) for at, n in enumerate(order)
            ]
            who = Provenance(source="test", licence="none", subject_id=f"s{pair}")
            clips.append(Clip(id=name, video=name, frames=seen, provenance=who))
            rows.append(row(name, "It opens." if opens else "It closes."))
            written.append((folder / name, opens))
    write_rows_about(folder, clips, rows)
    return written


def write_video(path: Path, images: list[np.ndarray]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def row(name: str, answer: str) -> dict:
    asked = [{"type": "video", "text": None}, {"type": "text", "text": QUESTION}]
    said = [{"type": "text", "text": answer}]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return {
        "sample_ids": [name], "images": [], "videos": [name], "messages": messages,
        "task": "dynamics", "split": "train",
    }  # fmt: skip


def write_rows_about(folder: Path, clips: list[Clip], rows: list[dict]) -> None:
    lines = (clip.model_dump_json(exclude_defaults=True) + "\n" for clip in clips)
    (folder / "clips.jsonl").write_text("".join(lines))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
