"""Choose the frames of a clip that are worth looking at, and look at them.

clip ── decode, one frame in ten a second ── series: motion, or one unit's intensity
                                          └─ choose: uniform | peak | change
     ── decode the chosen ones ── find faces, weak units ── clip with frames | samples
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field, field_validator, model_validator

from data_engine.step import MISSING, UNREADABLE, Item, Reject, Step
from data_engine.steps.crop import encode, folder_below, store
from data_engine.steps.pictures import finder_of, largest, mediapipe_of, reject
from data_engine.steps.weak_units import with_weak_units
from data_engine.weak import reading, weak_units
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Face, Frame, Sample
from facellm.faces.sampling import Looked, moving, nearest, peaks
from facellm.faces.video import Moment, frames


class SampleFrames(Step):
    """Fill a clip's frames, or turn it into samples; samples and rows pass as they are.

    A clip that has frames keeps exactly those. A clip's labels are about the whole of it and are
    not handed on to frames. Memory holds one frame and a number for each one looked at. Rejects:
    `missing_file`, `unreadable_file`; `no_peak` where nothing moves; `no_face` where a finder saw
    none in any frame, or, for samples, in that frame.
    """

    name: ClassVar[str] = "sample_frames"

    how: Literal["uniform", "peak", "change"] = "uniform"
    """`uniform`: the middles of equal parts of the time; `peak`: the highest local maxima of the
    series, at least `apart` from each other; `change`: the middles of equal parts of all change, so
    that a still stretch gets few frames."""
    count: int = Field(default=8, ge=1)
    """At most this many frames a clip; a short clip or one with few peaks gives fewer."""
    unit: int | None = None
    """Peaks and changes of this unit's weak intensity on the largest face; None: of motion, the
    mean difference of grey thumbnails. An expression at its apex stands still: take a unit."""
    every: float = Field(default=0.1, ge=0)
    """Seconds between the frames looked at; 0 looks at all."""
    apart: float = Field(default=0.5, ge=0)
    """Seconds between two peaks at least."""
    finder: Literal["none", "builtin", "mediapipe"] = "builtin"
    """Who finds the faces of the chosen frames."""
    finder_model: Path | None = None
    """Folder of the mediapipe finder's files; with it, frames get weak units too."""
    output: Literal["clip", "samples"] = "clip"
    """The clip with its frames, or each frame as a picture with a sample of its own."""
    store: str = "frames"
    """Folder of the pictures, below the corpus folder."""
    encoding: Literal["png", "jpeg"] = "jpeg"

    @field_validator("unit")
    @classmethod
    def _readable(cls, number: int | None) -> int | None:
        if number is not None:
            reading(number)
        return number

    @model_validator(mode="after")
    def _has_model(self) -> "SampleFrames":
        if self.finder_model is None and (self.unit is not None or self.finder == "mediapipe"):
            raise ValueError("`unit` and `finder: mediapipe` need `finder_model`, a folder")
        return self

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        into = folder_below(folder, self.store) if self.output == "samples" else folder
        for item in items:
            if not isinstance(item, Clip) or (item.frames and self.output == "clip"):
                yield item
                continue
            try:
                yield from self._clip(item, folder, into)
            except FaceLLMError as error:
                reason = UNREADABLE if (folder / item.video).is_file() else MISSING
                yield reject(item, self.name, reason, str(error))

    def _clip(self, clip: Clip, folder: Path, into: Path) -> list[Item | Reject]:
        """All of a clip or its rejection: one that breaks off halfway gives nothing."""
        path = folder / clip.video
        looked = self._look(path, bool(clip.frames))
        chosen: dict[int, list[Face] | None]
        if clip.frames:
            chosen = {nearest(looked, frame.time): frame.faces for frame in clip.frames}
        else:
            chosen = dict.fromkeys(self._choose(looked))
        if not chosen:
            return [reject(clip, self.name, "no_peak", "the series has no maximum")]
        made: list[Item | Reject] = []
        filled: list[Frame] = []
        for moment in frames(path, only=set(chosen)):
            known = chosen[moment.number]
            faces = self._faces(moment) if known is None else known
            filled.append(Frame(time=moment.time, faces=faces))
            if self.output == "samples":
                made.append(self._sample(clip, moment, faces, into, folder))
        if self.finder != "none" and not any(frame.faces for frame in filled):
            return [reject(clip, self.name, "no_face", f"in none of {len(filled)} frames")]
        return made or [clip.model_copy(update={"frames": filled})]

    def _look(self, path: Path, all_frames: bool) -> list[Looked]:
        moments = frames(path, every=0.0 if all_frames else self.every)
        if self.unit is None:
            return moving(moments)
        if all_frames:
            return [Looked(moment.number, moment.time, 0.0) for moment in moments]
        return [Looked(m.number, m.time, self._intensity(m)) for m in moments]

    def _intensity(self, moment: Moment) -> float:
        face = largest(self._faces_with_units(moment, (self.unit or 0,)))
        units = face.labels.action_units if face else None
        return float("nan") if not units else units[self.unit or 0]

    def _faces_with_units(self, moment: Moment, units: tuple[int, ...] | None) -> list[Face]:
        finder = mediapipe_of(self.finder_model, self.name)
        seen = finder.find_with_blendshapes(Image.fromarray(moment.image))
        return [with_weak_units(s.face, weak_units(s.blendshapes, units)) for s in seen]

    def _faces(self, moment: Moment) -> list[Face]:
        if self.finder == "none":
            return []
        if self.finder == "mediapipe":
            return self._faces_with_units(moment, None)
        return finder_of("builtin", None).find(Image.fromarray(moment.image))

    def _choose(self, looked: list[Looked]) -> list[int]:
        """Numbers of the frames to take, in order."""
        if self.how == "peak":
            return peaks(looked, self.count, self.apart)
        if self.how == "uniform":
            end = looked[-1].time
            wanted = [(n + 0.5) / self.count * end for n in range(self.count)]
            return sorted({nearest(looked, time) for time in wanted})
        scores = np.array([frame.score for frame in looked])
        if self.unit is not None:
            scores = np.abs(np.diff(scores, prepend=scores[0]))
        total = np.nancumsum(scores)
        parts = (np.arange(self.count) + 0.5) / self.count * total[-1]
        return sorted({looked[n].number for n in np.searchsorted(total, parts)})

    def _sample(
        self, clip: Clip, moment: Moment, faces: list[Face], into: Path, folder: Path
    ) -> Item | Reject:
        identity, path = store(encode(moment.image, self.encoding), into, self.encoding)
        sample = Sample(
            id=identity, image=Path(os.path.relpath(path, folder)).as_posix(), faces=faces,
            provenance=clip.provenance, split=clip.split,
        )  # fmt: skip
        if faces or self.finder == "none":
            return sample
        return reject(sample, self.name, "no_face", f"clip {clip.id} at {moment.time:.2f} s")
