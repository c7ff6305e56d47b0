"""Views of a batch as pixels and landmarks, and the randomness of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import ABSENT
from facellm.train.augment import Views, fixed_point, normalise, views
from facellm.train.telling import Fact


class Seen(NamedTuple):
    """One view: a face in its slot, a whole picture without faces, or a texture of nothing."""

    kind: Literal["face", "whole", "nothing"]
    corpus: int = -1
    row: int = -1
    slot: int = 0


@dataclass(frozen=True)
class Dialogue:
    """A conversation: its pictures' views, and messages whose pictures are placeholders."""

    pictures: list[list[Seen]]
    messages: list[dict[str, Any]]
    facts: list[Fact | None] = field(default_factory=list)
    """What is held true of each face among the views; None, or an empty list, where only the
    messages say."""
    name: str = "a conversation"
    """What errors call it."""


class Faces(Protocol):
    """Whatever holds crops of faces, see `facellm.train.crops`."""

    @property
    def pixels(self) -> Tensor: ...
    @property
    def points(self) -> Tensor: ...
    @property
    def exact(self) -> Tensor: ...


def generator_at(*key: int) -> tuple[np.random.Generator, torch.Generator]:
    """The randomness that belongs to a key, such as (seed, step, micro-batch), and to no other.

    It is the same whether or not the run was interrupted before it.
    """
    rng = np.random.default_rng(key)
    return rng, torch.Generator().manual_seed(int(rng.integers(2**63)))


def face_views(
    crops: Sequence[Faces],
    drawn: Sequence[tuple[int, int]],
    size: int,
    images: FaceLLMImageProcessor,
    generator: torch.Generator | None,
    mirror: bool = True,
) -> Views:
    """Model inputs for drawn faces: pixels normalised, points as int32; see `augment.Views`."""
    pixels, points, exact = (
        torch.stack([getattr(crops[c], part)[row] for c, row in drawn])
        for part in ("pixels", "points", "exact")
    )
    seen = views(pixels, points, size, generator, mirror, exact)
    return seen._replace(
        pixels=normalise(seen.pixels, images.mean, images.std), points=fixed_point(seen.points)
    )


def in_slot(points_BP2: Tensor, slots: Sequence[int], max_faces: int) -> Tensor:
    """Landmarks (B, max_faces, 68, 2) with each face alone in its slot of its view."""
    landmarks = torch.full((len(points_BP2), max_faces, 68, 2), ABSENT, dtype=torch.int32)
    landmarks[torch.arange(len(points_BP2)), torch.tensor(slots, dtype=torch.long)] = points_BP2
    return landmarks


def textures(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Pictures of nothing, (count, 3, S, S) in [0, 1]: smooth noise of random grain."""
    out = torch.zeros(count, 3, size, size)
    for octave in (2, 5, 12, 30):
        grain = torch.rand(count, 3, octave, octave, generator=generator)
        strength = torch.rand(count, 1, 1, 1, generator=generator)
        out += strength * nn.functional.interpolate(grain, size, mode="bilinear")
    return (out / out.amax((1, 2, 3), keepdim=True)).clamp(0, 1)


def batch_views(
    sources: Sequence[Any],
    seen: Sequence[Seen],
    images: FaceLLMImageProcessor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels (V, 3, S, S) and landmarks (V, max_faces, 68, 2) of views of every kind, in order.

    The third are the exact points (V, 68, 2) in view units, zeros where there is no face. Nothing
    is mirrored: that would turn "to the left" into a lie.
    """
    size, most = images.image_size, images.max_faces
    pixels = torch.empty(len(seen), 3, size, size)
    landmarks = torch.full((len(seen), most, 68, 2), ABSENT, dtype=torch.int32)
    exact = torch.zeros(len(seen), 68, 2)
    of = {
        kind: [i for i, view in enumerate(seen) if view.kind == kind]
        for kind in ("face", "whole", "nothing")
    }
    if of["face"]:
        drawn = [(seen[i].corpus, seen[i].row) for i in of["face"]]
        faces = face_views(sources, drawn, size, images, generator, mirror=False)
        pixels[of["face"]], exact[of["face"]] = faces.pixels, faces.exact
        landmarks[of["face"]] = in_slot(faces.points, [seen[i].slot for i in of["face"]], most)
    if of["whole"]:
        whole = torch.stack([sources[seen[i].corpus].whole[seen[i].row] for i in of["whole"]])
        pixels[of["whole"]] = normalise(whole.float() / 255, images.mean, images.std)
    if of["nothing"]:
        noise = textures(len(of["nothing"]), size, generator)
        pixels[of["nothing"]] = normalise(noise, images.mean, images.std)
    return pixels, landmarks, exact
