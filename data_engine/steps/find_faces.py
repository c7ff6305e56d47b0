"""Find the faces of each picture: boxes, 68 points, confidence.

Labels that a source gave stay with their face: a found face answers a labelled box by overlap, or,
where the one labelled face stands for the whole picture, it is the found face nearest its middle.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import (
    FinderName,
    Opened,
    area,
    finder_of,
    opened,
    pair_up,
    reject,
)
from facellm.core.sample import Face, Sample
from facellm.faces.crop import SAME_FACE, most_central
from facellm.faces.finder import left_to_right

WHOLE_PICTURE = 0.9
"""A labelled box that covers this share of the picture says nothing about where the face is."""


class FindFaces(Step):
    """Fill boxes and points. Samples whose faces all have points, clips and rows pass as they are,
    unless they are looked at `again`.

    Rejects: `missing_file`, `unreadable_file`; `no_face` where nothing was found, or none of the
    labelled faces.
    """

    name: ClassVar[str] = "find_faces"

    finder: FinderName = "builtin"
    """`builtin` needs no files, `mediapipe` is more exact."""
    finder_model: Path | None = None
    """Folder of the model files; `mediapipe` needs one."""
    least_overlap: float = Field(default=SAME_FACE, gt=0, le=1)
    """IoU from which a found face answers a labelled box."""
    others: bool = False
    """Whether to add, unlabelled, found faces that answer no labelled one. A picture without
    labelled faces gets all that are found."""
    again: bool = False
    """Look for faces that have points too, and take what is found in place of them: a model that
    is to read faces as the finder sees them must meet the finder's errors in training."""
    keep: bool = False
    """Keep a sample in which no face was found, as it was, instead of rejecting it."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        finder = finder_of(self.finder, self.finder_model)
        for one in opened(items, folder, self.name, self._unfinished):
            if not isinstance(one, Opened):
                yield one
                continue
            sample, found = one.sample, finder.find(one.image)
            faces = self._merge(sample.faces, found, one.image.size)
            if faces is not None:
                yield sample.model_copy(update={"faces": faces})
            elif self.keep:
                yield sample
            else:
                seen = f"found {len(found)} faces, none of the {len(sample.faces)} labelled"
                yield reject(sample, self.name, "no_face", seen if sample.faces else "")

    def _unfinished(self, sample: Sample) -> bool:
        return self.again or not (sample.faces and all(face.points for face in sample.faces))

    def _merge(
        self, known: list[Face], found: list[Face], size: tuple[int, int]
    ) -> list[Face] | None:
        """The sample's faces with places from `found`; None where no face was placed."""
        if not known:
            return found or None
        if len(known) == 1 and area(known[0].box) >= WHOLE_PICTURE * size[0] * size[1]:
            middle = most_central([face.box for face in found], size)
            pairs = {} if middle is None else {0: middle}
        else:
            pairs = pair_up([f.box for f in known], [f.box for f in found], self.least_overlap)
        placed = [
            self._placed(face, found[pairs[n]] if n in pairs else None)
            for n, face in enumerate(known)
        ]
        if not any(face.points for face in placed):
            return None
        if self.others:
            placed += [f for n, f in enumerate(found) if n not in pairs.values()]
        return left_to_right(placed)

    def _placed(self, face: Face, seen: Face | None) -> Face:
        if face.points and not self.again:
            return face  # its points are from somebody who knew better
        if seen is not None:
            return seen.model_copy(update={"labels": face.labels})
        return face.model_copy(update={"points": None, "visible": None})
