"""Finished conversations as a corpus: rows that the data engine made, or anybody in its formats.

`rows:` of a recipe names one of
- the folder of a data-engine run: `rows.jsonl`, with the pictures and `samples.jsonl` beside it;
- a folder of parquet files, or one file: columns `messages`, `images` and what else there is;
- a `.jsonl`: a line an object with `messages`, or with ShareGPT's `conversations`, and `images`.

Landmarks come from a row's own `landmarks` (for each picture, for each face, 68 points in pixels),
else from the samples that `sample_ids` name, else from the finder. Only the train split is read.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import read_samples
from facellm.faces import load_image
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.views import cut, picture_view
from facellm.train.crops import CROP, crop_of
from facellm.train.inputs import Dialogue, Seen
from facellm.train.recipe import Corpus

SPEAKERS = {"system": "system", "human": "user", "user": "user", "gpt": "assistant",
            "assistant": "assistant"}  # fmt: skip
_FORMS = "expected a data-engine run, parquet files, or a .jsonl of messages or conversations"
Row = dict[str, Any]


@dataclass(frozen=True)
class Talks:
    """Conversations, and the faces of their pictures as crops."""

    pixels: Tensor
    """(N, 3, CROP, CROP) uint8, a face each."""
    points: Tensor
    """(N, 68, 2) in [0, 1] of the crop."""
    whole: Tensor
    """(M, 3, S, S) uint8: pictures without faces."""
    said: list[tuple[list[list[Seen]], list[Row]]]
    odds: np.ndarray

    def __len__(self) -> int:
        return len(self.said)

    def dialogue(self, corpus: int, row: int) -> Dialogue:
        """The conversation of a row, its views named as those of corpus number `corpus`."""
        pictures, messages = self.said[row]
        return Dialogue([[v._replace(corpus=corpus) for v in p] for p in pictures], messages)

    def texts(self, row: int) -> list[str]:
        """Everything that is said in a row."""
        return [part.get("text") or "" for m in self.said[row][1] for part in _parts(m)]


def load_talks(corpus: Corpus, images: FaceLLMImageProcessor) -> Talks:
    """Read the training rows of a corpus into memory; each picture is cut once.

    Rows with videos are left out and counted.

    Raises:
        FaceLLMError: no rows there, or a row that cannot be trained on, named by its number.
    """
    assert corpus.rows is not None
    path = corpus.rows
    landmarks = _landmarks_of(corpus)
    shelf = _Shelf(images)
    said: list[tuple[list[list[Seen]], list[Row]]] = []
    left_out: Counter[str] = Counter()
    for number, (row, folder) in enumerate(_read(path), 1):
        reason = _unwanted(row, corpus)
        if reason:
            left_out[reason] += 1
            continue
        try:
            said.append(_talk(row, folder, landmarks, shelf))
        except (FaceLLMError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise FaceLLMError(f"{path}: row {number} cannot be trained on: {error}") from None
        if len(said) == corpus.limit:
            break
    if left_out:
        print(f"{path}: left out " + ", ".join(f"{n} {why}" for why, n in left_out.items()))
    if not said:
        raise FaceLLMError(f"{given(path)} holds no training row to use; {_FORMS}")
    odds = np.arange(1, len(said) + 1) / len(said)
    return Talks(*shelf.tensors(), said, odds)


def _unwanted(row: Row, corpus: Corpus) -> str | None:
    if row.get("split", "train") != "train":
        return "of other splits"
    if row.get("videos"):
        return "with videos"
    if corpus.tasks is not None and row.get("task") not in corpus.tasks:
        return "of other tasks"
    return None


def _read(path: Path) -> Iterator[tuple[Row, Path]]:
    """Rows, each with the folder its pictures' paths are relative to."""
    if (path / "rows.jsonl").is_file():
        yield from _lines(path / "rows.jsonl", path)
    elif path.is_dir():
        files = sorted(path.glob("**/train-*.parquet")) or sorted(path.glob("*.parquet"))
        if not files:
            raise FaceLLMError(f"{given(path)} holds neither rows.jsonl nor parquet; {_FORMS}")
        for file in files:
            yield from _parquet(file)
    elif path.suffix == ".parquet" and path.is_file():
        yield from _parquet(path)
    elif path.is_file():
        # An export names its pictures relative to its own folder, its files lie one below.
        folder = path.parent.parent if path.parent.name == "sharegpt" else path.parent
        yield from _lines(path, folder)
    else:
        raise FaceLLMError(f"no rows at {given(path)}; {_FORMS}")


def _lines(path: Path, folder: Path) -> Iterator[tuple[Row, Path]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                raise FaceLLMError(f"{path}:{number} is not JSON; {_FORMS}") from None
            if not isinstance(row, dict) or not row.keys() & {"messages", "conversations"}:
                raise FaceLLMError(f"{path}:{number} has no messages or conversations; {_FORMS}")
            yield row, folder


def _parquet(path: Path) -> Iterator[tuple[Row, Path]]:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise FaceLLMError("parquet needs pyarrow: pip install 'facellm[train]'") from None
    file = pq.ParquetFile(path)
    if "messages" not in file.schema_arrow.names:
        raise FaceLLMError(f"{path} has no column messages; {_FORMS}")
    for batch in file.iter_batches(batch_size=64):
        for row in batch.to_pylist():
            yield row, path.parent


def _talk(
    row: Row, folder: Path, landmarks: dict[str, Any], shelf: "_Shelf"
) -> tuple[list[list[Seen]], list[Row]]:
    messages = _messages(row)
    names = row.get("images") or []
    holes = sum(part["type"] == "image" for m in messages for part in _parts(m))
    if holes != len(names):
        raise FaceLLMError(f"{holes} image parts but {len(names)} images")
    ids = row.get("sample_ids") or []
    pictures = []
    for number, name in enumerate(names):
        points = row["landmarks"][number] if row.get("landmarks") else None
        if points is None and len(ids) == len(names):
            points = landmarks.get(ids[number])
        pictures.append(shelf.place(name, folder, points))
    return pictures, messages


def _messages(row: Row) -> list[Row]:
    if "conversations" in row and "messages" not in row:
        turns = [(SPEAKERS[turn["from"]], turn["value"]) for turn in row["conversations"]]
        messages = [{"role": role, "content": _tagged(text)} for role, text in turns]
    else:
        messages = [{"role": m["role"], "content": _parts(m)} for m in row["messages"]]
    if not messages or messages[-1]["role"] != "assistant":
        raise FaceLLMError("the conversation does not end with an answer")
    if any("<|image|>" in (part.get("text") or "") for m in messages for part in _parts(m)):
        raise FaceLLMError("its text holds the token <|image|>; pictures are parts of their own")
    return messages


def _tagged(text: str) -> list[Row]:
    """ShareGPT's text with `<image>` in it, as parts; a tag's own line break goes with it."""
    head, *tails = text.split("<image>")
    parts = [{"type": "text", "text": head}] if head.strip() else []
    for tail in tails:
        parts.append({"type": "image"})
        rest = tail.removeprefix("\n")
        parts += [{"type": "text", "text": rest}] if rest.strip() else []
    return parts


def _parts(message: Row) -> list[Row]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _landmarks_of(corpus: Corpus) -> dict[str, Any]:
    """Points of every face of the samples that rows may name, by the sample's id."""
    assert corpus.rows is not None
    folder = corpus.samples or corpus.rows
    if corpus.samples is None and not (folder / "samples.jsonl").is_file():
        return {}
    return {s.id: [f.points for f in s.faces if f.points] for s in read_samples(folder)}


class _Shelf:
    """Pictures cut into views, each picture once however many rows talk about it."""

    def __init__(self, images: FaceLLMImageProcessor) -> None:
        self.images = images
        self.known: dict[Any, list[Seen]] = {}
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

    def _cut(self, image: Image.Image, points: Any) -> list[Seen]:
        faces = self.images.points_of(image, points)
        views = []
        for slot, face in enumerate(faces):
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
        size = self.images.image_size
        return (
            torch.stack(self.pixels) if self.pixels else torch.empty(0, 3, CROP, CROP).byte(),
            torch.stack(self.points) if self.points else torch.empty(0, 68, 2),
            torch.stack(self.whole) if self.whole else torch.empty(0, 3, size, size).byte(),
        )
