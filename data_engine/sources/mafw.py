"""MAFW (Liu et al., ACM MM 2022): clips with one or several of eleven emotions, some described.

    path/data/clips/00001.mp4
    path/Train & Test Set/{single,compound}/no_caption/set_{1..5}/{train,test}.txt
        00001.mp4 anger            (compound: 00001.mp4 anger_disgust)
    path/Train & Test Set/{single,compound}/with_caption/set_{1..5}/{train,test}.txt
        00001.mp4 <tab> anger <tab> Chinese sentence <tab> English sentence

Anxiety, helplessness, disappointment and mixtures are none of the eight emotions: they stay in
`expression`, and `emotion` is None. With captions every clip becomes a row that asks for its
description; neutral clips have none and are not in those lists. There are no persons, so each
clip is its own subject. The lists with captions are not UTF-8 in the copies we know of; they are
read as GB18030 then. Checked against descriptions of the set, not against the set itself.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from data_engine.row import Making, Message, Part, Row
from data_engine.sources.base import existing
from data_engine.sources.table import Entry, check_unique, text_entries
from data_engine.sources.video import VideoSource
from data_engine.step import Item, Reject
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Clip, FaceLabels
from facellm.core.splits import Split

LABELS = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt",
    "anxiety", "helplessness", "disappointment",
)  # fmt: skip
CAPTIONED = ["clip", "label", "chinese", "english"]
QUESTION = "Describe what the person does and what their face shows."


class Mafw(VideoSource):
    """Clips with an emotion or an expression; with captions, rows about them."""

    name = "mafw"
    licence = "MAFW terms: non-commercial research"
    splits: ClassVar[dict[str, Split]] = {"train": "train", "test": "test"}

    fold: int = Field(default=1, ge=1, le=5)
    """Which of the five official folds; in each every clip is in train or in test."""
    labels: Literal["single", "compound"] = "single"
    """One of the eleven emotions a clip, or also mixtures of them."""
    captions: bool = False
    """Whether to read the lists with captions and yield rows instead of clips."""
    clips: Path = Path("data/clips")
    """Folder of the videos below `path`."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the clips, or the rows about them, train before test."""
        existing(self.path / self.clips, "expected the clips; `clips` names another folder")
        for entry in check_unique(self._entries(), "clip"):
            clip = self.clip(
                self.path / self.clips / entry["clip"], out, face_labels(entry),
                split=self.splits[entry.file.stem], where=entry.where,
            )  # fmt: skip
            if self.captions and isinstance(clip, Clip):
                yield _described(clip, entry)
            else:
                yield clip

    def _entries(self) -> Iterator[Entry]:
        kind = "with_caption" if self.captions else "no_caption"
        folder = self.path / "Train & Test Set" / self.labels / kind / f"set_{self.fold}"
        for split in filter(self.wants, self.splits):
            file = folder / f"{split}.txt"
            read = _captioned if self.captions else (lambda f: text_entries(f, CAPTIONED[:2]))
            yield from read(file)


def face_labels(entry: Entry) -> FaceLabels:
    """The labels of a line: an emotion where there is exactly one and it is one of the eight.

    Raises:
        FaceLLMError: a word that is none of the eleven, or a repeated one.
    """
    words = entry["label"].split("_")
    wrong = [word for word in words if word not in LABELS]
    if wrong or len(set(words)) != len(words):
        raise entry.error(
            f"{given(entry['label'])} is no label; expected one or, joined by _, several of "
            f"{', '.join(LABELS)}"
        )
    if len(words) == 1 and words[0] in EMOTIONS:
        return FaceLabels(emotion=words[0])
    return FaceLabels(expression=" and ".join(words))


def _captioned(path: Path) -> Iterator[Entry]:
    existing(path, f"expected lines of {' <tab> '.join(CAPTIONED)}")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", errors="replace")  # only the Chinese can suffer
    for number, line in enumerate(text.splitlines(), 1):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip():
            continue
        if len(fields) != len(CAPTIONED) or not fields[3]:
            raise FaceLLMError(
                f"{path.name}:{number}: {len(fields)} fields; expected "
                f"{' <tab> '.join(CAPTIONED)}, none of them empty"
            )
        yield Entry(path, number, dict(zip(CAPTIONED, fields, strict=True)))


def _described(clip: Clip, entry: Entry) -> Row:
    ask = [Part(type="video"), Part(type="text", text=QUESTION)]
    tell = [Part(type="text", text=entry["english"])]
    return Row(
        id=hashlib.sha256(f"{clip.id}/mafw/caption".encode()).hexdigest()[:16],
        sample_ids=[clip.id],
        videos=[clip.video],
        messages=[
            Message(role="user", content=ask),
            Message(role="assistant", content=tell),
        ],
        task="clip_description",
        facts=[clip.labels],
        provenance=clip.provenance,
        split=clip.split,
        making=Making(writer="imported", teacher="people"),
    )
