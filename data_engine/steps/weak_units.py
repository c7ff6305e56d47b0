"""Weak action-unit labels from MediaPipe's blendshapes; see `data_engine.weak` for their worth."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import Opened, mediapipe_of, opened, pair_up, reject
from data_engine.weak import SCALES, reading, weak_units
from facellm.core.sample import Face, Sample
from facellm.faces.crop import SAME_FACE
from facellm.faces.mediapipe import FoundFace


class WeakUnits(Step):
    """Label the units of faces that have none; clips and rows pass as they are.

    Units a face already has are never touched, whoever stated them: one mark says whether a
    face's units are weak, so two origins cannot share it. A face that MediaPipe does not see stays
    unlabelled. Rejects: `missing_file`, `unreadable_file`; with `known: reject`, `has_units`.
    """

    name: ClassVar[str] = "weak_units"

    finder_model: Path | None = None
    """Folder of MediaPipe's model files; needed."""
    units: tuple[int, ...] = tuple(SCALES)
    """Units to read."""
    least_confidence: float = Field(default=0.0, ge=0, le=1)
    """Units that `data_engine.weak` trusts less are left unlabelled."""
    least_overlap: float = Field(default=SAME_FACE, gt=0, le=1)
    """IoU from which a face MediaPipe sees is the sample's face."""
    known: Literal["keep", "reject"] = "keep"
    """What becomes of a sample with a face that has units already."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        trusted = [n for n in self.units if reading(n).confidence >= self.least_confidence]
        finder = mediapipe_of(self.finder_model, self.name)
        for one in opened(items, folder, self.name, self._wants):
            if not isinstance(one, Opened):
                yield one
            elif not all(map(_bare, one.sample.faces)) and self.known == "reject":
                why = "weak units are not mixed with others"
                yield reject(one.sample, self.name, "has_units", why)
            else:
                faces, seen = one.sample.faces, finder.find_with_blendshapes(one.image)
                yield one.sample.model_copy(update={"faces": self._label(faces, seen, trusted)})

    def _wants(self, sample: Sample) -> bool:
        return self.known == "reject" or any(map(_bare, sample.faces))

    def _label(self, faces: list[Face], seen: list[FoundFace], units: list[int]) -> list[Face]:
        boxes = [s.face.box for s in seen]
        pairs = pair_up([face.box for face in faces], boxes, self.least_overlap)
        return [
            with_weak_units(face, weak_units(seen[pairs[n]].blendshapes, units))
            if n in pairs else face
            for n, face in enumerate(faces)
        ]  # fmt: skip


def _bare(face: Face) -> bool:
    return face.labels.action_units is None


def with_weak_units(face: Face, units: dict[int, float] | None) -> Face:
    """The face with units that a tool estimated, marked so; unchanged if it has units or got none.

    Every step that imports a tool's opinion goes through here, so that exact and human labels
    cannot be overwritten.
    """
    if not units or not _bare(face):
        return face
    weak = face.labels.weak | {"action_units"}
    labels = face.labels.model_copy(update={"action_units": units, "weak": weak})
    return face.model_copy(update={"labels": labels})
