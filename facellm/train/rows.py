"""Finished conversations as a corpus: rows that the data engine made, or anybody in its formats.

`rows:` of a recipe names one of
- the folder of a data-engine run: `rows.jsonl`, with the pictures and `samples.jsonl` beside it;
- a folder of parquet files, or one file: columns `messages`, `images` and what else there is;
- a `.jsonl`: a line an object with `messages`, or with ShareGPT's `conversations`, `images` and
  `videos`.

Landmarks come from a row's own `landmarks` (for each picture, for each face, 68 points in pixels)
and `frames` (for each video, a list as the clips of `clips.jsonl` have it), else from the samples
and clips that `sample_ids` name, else from the finder. Where such a sample has labels, they are
what its row holds true of the faces: a stage that tells labels tells these. Only the train split is
read.

A video becomes its frames, a picture each, and a sentence with their times before the question:
what a model is shown when somebody asks about a clip.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from facellm.core.errors import FaceLLMError, given
from facellm.core.grammar import first_error
from facellm.core.sample import CLIPS, Face, FaceLabels, Frame, read_clips, read_samples
from facellm.model.processing import FaceLLMImageProcessor
from facellm.train.inputs import Dialogue, Seen
from facellm.train.media import Shelf, unrolled
from facellm.train.recipe import Corpus
from facellm.train.telling import Fact

SPEAKERS = {"system": "system", "human": "user", "user": "user", "gpt": "assistant",
            "assistant": "assistant"}  # fmt: skip
_FORMS = "expected a data-engine run, parquet files, or a .jsonl of messages or conversations"
_TAG = re.compile("<(image|video)>\n?")
Row = dict[str, Any]


class Talk(NamedTuple):
    """One conversation."""

    pictures: list[list[Seen]]
    messages: list[Row]
    labels: list[FaceLabels | None]
    """Of each face among the views; None where nobody says."""


@dataclass(frozen=True)
class Talks:
    """Conversations, and the faces of their pictures as crops."""

    pixels: Tensor
    """(N, 3, CROP, CROP) uint8, a face each."""
    points: Tensor
    """(N, 68, 2) in [0, 1] of the crop."""
    whole: Tensor
    """(M, 3, S, S) uint8: pictures without faces."""
    said: list[Talk]
    names: list[str]
    """Which row each is, and of which clips, for errors."""
    odds: np.ndarray

    @property
    def exact(self) -> Tensor:
        """Nobody knows better than `points`."""
        return self.points

    def __len__(self) -> int:
        return len(self.said)

    def dialogue(self, corpus: int, row: int) -> Dialogue:
        """The conversation of a row, its views named as those of corpus number `corpus`."""
        talk = self.said[row]
        named = [[view._replace(corpus=corpus) for view in picture] for picture in talk.pictures]
        facts = [None if labels is None else Fact(labels) for labels in talk.labels]
        return Dialogue(named, talk.messages, facts, self.names[row])

    def texts(self, row: int) -> list[str]:
        """Everything that is said in a row."""
        return [part.get("text") or "" for m in self.said[row].messages for part in _parts(m)]


def load_talks(corpus: Corpus, images: FaceLLMImageProcessor) -> Talks:
    """Read the training rows of a corpus into memory; each picture and clip is cut once.

    Rows of other splits and tasks are left out and counted.

    Raises:
        FaceLLMError: no rows there, or a row that cannot be trained on, named by its number.
    """
    assert corpus.rows is not None
    path = corpus.rows
    known = _Known.of(corpus)
    shelf = Shelf(images, corpus.frames)
    said: list[Talk] = []
    names: list[str] = []
    left_out: Counter[str] = Counter()
    for number, (row, folder) in enumerate(_read(path), 1):
        reason = _unwanted(row, corpus)
        if reason:
            left_out[reason] += 1
            continue
        try:
            said.append(_talk(row, folder, known, shelf))
            names.append(_name(path, number, row))
        except (FaceLLMError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise FaceLLMError(f"{path}: row {number} cannot be trained on: {error}") from None
        if len(said) == corpus.limit:
            break
    if left_out:
        print(f"{path}: left out " + ", ".join(f"{n} {why}" for why, n in left_out.items()))
    if not said:
        raise FaceLLMError(f"{given(path)} holds no training row to use; {_FORMS}")
    odds = np.arange(1, len(said) + 1) / len(said)
    return Talks(*shelf.tensors(), said, names, odds)


def _unwanted(row: Row, corpus: Corpus) -> str | None:
    if row.get("split", "train") != "train":
        return "of other splits"
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
        yield from _lines(path, _base(path))
    else:
        raise FaceLLMError(f"no rows at {given(path)}; {_FORMS}")


def _base(path: Path) -> Path:
    """An export names its media relative to its own folder, its files lie one below."""
    return path.parent.parent if path.parent.name in ("sharegpt", "data") else path.parent


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
            yield row, _base(path)


def _name(path: Path, number: int, row: Row) -> str:
    clips = ", ".join(row.get("videos") or [])
    return f"{path}: row {number}" + (f" about {clips}" if clips else "")


def _talk(row: Row, folder: Path, known: "_Known", shelf: Shelf) -> Talk:
    messages = _messages(row)
    kinds = [p["type"] for m in messages for p in _parts(m) if p["type"] != "text"]
    files = {kind: iter(_files(row, kind, kinds.count(kind))) for kind in ("image", "video")}
    ids = row.get("sample_ids") or []
    ids = ids if len(ids) == len(kinds) else [None] * len(kinds)
    own = {"image": iter(row.get("landmarks") or []), "video": iter(_frames(row))}
    pictures: list[list[Seen]] = []
    labels: list[FaceLabels | None] = []
    films = []
    for kind, sample in zip(kinds, ids, strict=True):
        file, given_faces = next(files[kind]), next(own[kind], None)
        if kind == "image":
            faces = known.faces.get(sample) if given_faces is None else None
            points = given_faces if faces is None else [face.points for face in faces]
            views = shelf.place(file, folder, points)
            pictures.append(views)
            slots = [view.slot for view in views if view.kind == "face"]
            labels += [faces[slot].labels if faces else None for slot in slots]
        else:
            film = shelf.film(folder / file, given_faces or known.frames.get(sample, []))
            films.append(film)
            pictures += film.pictures
            labels += [None for views in film.pictures for view in views if view.kind == "face"]
    rolls = iter(films)
    shown = [m | {"content": unrolled(_parts(m), rolls)} for m in messages] if films else messages
    return Talk(pictures, shown, labels)


def _files(row: Row, kind: str, parts: int) -> list[Any]:
    files = row.get(f"{kind}s") or []
    if parts != len(files):
        raise FaceLLMError(f"{parts} {kind} parts but {len(files)} {kind}s")
    return list(files)


def _frames(row: Row) -> list[list[Frame]]:
    try:
        return TypeAdapter(list[list[Frame]]).validate_python(row.get("frames") or [])
    except ValidationError as error:
        raise FaceLLMError(f"frames: {first_error(error)}") from None


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
    """ShareGPT's text with `<image>` or `<video>` in it, as parts; a tag's line break goes too."""
    head, *rest = _TAG.split(text)
    parts = [{"type": "text", "text": head}] if head.strip() else []
    for kind, tail in zip(rest[::2], rest[1::2], strict=True):
        parts.append({"type": kind})
        parts += [{"type": "text", "text": tail}] if tail.strip() else []
    return parts


def _parts(message: Row) -> list[Row]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


class _Known(NamedTuple):
    """What is known of the media that rows may name, by their ids."""

    faces: dict[str, list[Face]]
    """Those of a picture that have points."""
    frames: dict[str, list[Frame]]
    """Of a clip."""

    @classmethod
    def of(cls, corpus: Corpus) -> "_Known":
        assert corpus.rows is not None
        folder = corpus.samples or corpus.rows
        clips = read_clips(folder) if (folder / CLIPS).is_file() else ()
        frames = {clip.id: clip.frames for clip in clips}
        if not (folder / "samples.jsonl").is_file() and (frames or corpus.samples is None):
            return cls({}, frames)
        samples = read_samples(folder)
        return cls({s.id: [face for face in s.faces if face.points] for s in samples}, frames)
