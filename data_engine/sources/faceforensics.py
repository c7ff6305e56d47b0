"""FaceForensics++ (Rössler et al., ICCV 2019): real videos and five ways of faking the faces.

    path/original_sequences/youtube/c23/videos/054.mp4
    path/manipulated_sequences/Deepfakes/c23/videos/054_071.mp4
    path/splits/{train,val,test}.json               [["054", "071"], …]

A manipulated video `target_source` is made from the two real videos of one pair, and a pair never
spans two splits. So the pair is the subject: whatever shows either of its two persons stays
together. `original_sequences/actors` (DeepFakeDetection) has another layout and is not read.
The splits come with the authors' code, not with the videos: put them in `splits/`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from data_engine.sources.base import OUR_SPLITS, existing
from data_engine.sources.table import Once
from data_engine.sources.video import VideoSource, videos_in
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

Method = Literal["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter"]
METHODS: tuple[Method, ...] = (
    "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter",
)  # fmt: skip
Pair = tuple[str, str]


class FaceForensics(VideoSource):
    """Clips with `authentic` and, for the faked ones, `manipulation`."""

    name = "faceforensics"
    licence = "FaceForensics terms: non-commercial research"

    compression: Literal["raw", "c23", "c40"] = "c23"
    methods: tuple[Method, ...] | None = None
    """Which manipulations; None takes those whose folder is there."""
    originals: bool = True
    """Whether the real videos are read too."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield, split by split, the videos of every pair: the real ones, then each method's."""
        splits = {name: self._pairs(name) for name in OUR_SPLITS}
        _check_disjoint(splits)
        folders = self._folders()
        for folder, method in folders:
            _check_known(folder, splits, faked=method is not None)
        for split in filter(self.wants, OUR_SPLITS):
            for pair in splits[split]:
                for folder, method in folders:
                    yield from self._clips(folder, method, pair, OUR_SPLITS[split], out)

    def _clips(
        self, folder: Path, method: Method | None, pair: Pair, split: Split, out: Path
    ) -> Iterator[Item | Reject]:
        labels = FaceLabels(authentic=method is None, manipulation=method)
        for video in pair if method is None else ("_".join(pair), "_".join(reversed(pair))):
            yield self.clip(
                folder / f"{video}.mp4", out, labels, split=split, subject="_".join(sorted(pair)),
                where=f"splits/{split}.json",
            )  # fmt: skip

    def _folders(self) -> list[tuple[Path, Method | None]]:
        """The folders of videos, each with its method; None is the real ones."""
        tail = Path(self.compression, "videos")
        fakes = self.path / "manipulated_sequences"
        wanted = METHODS if self.methods is None else self.methods
        folders: list[tuple[Path, Method | None]] = [(fakes / m / tail, m) for m in wanted]
        if self.methods is None:
            folders = [(folder, method) for folder, method in folders if folder.is_dir()]
        if self.originals:
            real = self.path / "original_sequences" / "youtube" / tail
            folders.insert(0, (real, None))
        for folder, _ in folders:
            existing(folder, f"expected the {self.compression} videos of FaceForensics++")
        if not folders:
            raise FaceLLMError(f"no videos in {fakes}; expected one of {', '.join(METHODS)}")
        return folders

    def _pairs(self, split: str) -> list[Pair]:
        path = self.path / "splits" / f"{split}.json"
        existing(path, 'expected a list of pairs such as ["071", "054"]')
        try:
            pairs = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FaceLLMError(f"{path.name}: no json: {error}") from None
        for number, pair in enumerate(pairs if isinstance(pairs, list) else [pairs], 1):
            if not _is_pair(pair):
                raise FaceLLMError(
                    f"{path.name}:entry {number}: {given(pair)} is no pair of ids; "
                    'expected such as ["071", "054"]'
                )
        return [(first, second) for first, second in pairs]


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(i, str) for i in pair)


def _check_disjoint(splits: dict[str, list[Pair]]) -> None:
    once = Once()
    for split, pairs in splits.items():
        for number, pair in enumerate(pairs, 1):
            for video in pair:
                once.see(video, f"{split}.json:entry {number}")


def _check_known(folder: Path, splits: dict[str, list[Pair]], faked: bool) -> None:
    """Every video on disk is in a split: a split file of another version would lose some."""
    pairs = [pair for part in splits.values() for pair in part]
    both = {"_".join(p) for p in pairs} | {"_".join(reversed(p)) for p in pairs}
    known = both if faked else {video for pair in pairs for video in pair}
    for file in videos_in(folder):
        if file.stem not in known:
            raise FaceLLMError(
                f"{file} is in none of splits/{{train,val,test}}.json; expected "
                f"{'target_source.mp4 of a pair' if faked else 'the id of a pair'} they list"
            )
