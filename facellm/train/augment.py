"""Views from crops, as a camera might have taken them: turned, shifted, lit and worn differently.

Geometry moves picture and points together; the labels stay, so nothing here may change what a
face shows. Photographs differ from renders most in blur, noise, contrast and colour: vary those.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from facellm.faces.mesh68 import MIRROR_68
from facellm.model.views import FACE_RISE, FACE_SIDE
from facellm.model.vision import POINT_UNIT

# Shapes: B faces, S view side, P = 68 points.

MIRROR = torch.from_numpy(MIRROR_68)
FEATURES = ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
"""First point and end of jaw, brows, nose, eyes and mouth."""
FEATURE_OF = torch.cat([torch.full((b - a,), n) for n, (a, b) in enumerate(FEATURES)])


class Views(NamedTuple):
    """Of B faces, one each."""

    pixels: Tensor
    """(B, 3, S, S) in [0, 1]."""
    points: Tensor
    """(B, 68, 2) in [0, 1] of the view, wrong as finders' are where the view is random."""
    mirrored: Tensor
    """(B,) which of the faces were mirrored."""
    exact: Tensor
    """(B, 68, 2) where the points really are in the view."""


def views(
    pixels_B3CC: Tensor,
    points_BP2: Tensor,
    size: int,
    generator: torch.Generator | None,
    mirror: bool = True,
    exact_BP2: Tensor | None = None,
) -> Views:
    """Cut the views out of crops; with a generator, each in its own random way.

    Args:
        pixels_B3CC: uint8 crops.
        points_BP2: in [0, 1] of the crop.
        size: S, of the view.
        generator: None gives the plain views the processor would cut.
        mirror: whether faces may be mirrored.
        exact_BP2: where the points really are; None: where `points_BP2` says.
    """
    n = len(points_BP2)
    low, high = points_BP2.amin(1), points_BP2.amax(1)
    side = (high - low).amax(1) * FACE_SIDE
    centre = (low + high) / 2 - torch.stack([torch.zeros(n), FACE_RISE * side], 1)
    angle, mirrored = torch.zeros(n), torch.zeros(n, dtype=torch.bool)
    if generator is not None:
        side = side * (0.88 + 0.3 * torch.rand(n, generator=generator))
        centre = centre + side[:, None] * 0.06 * torch.randn(n, 2, generator=generator)
        angle = 0.16 * torch.randn(n, generator=generator)
        mirrored = (torch.rand(n, generator=generator) < 0.5) & mirror
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (B, 2, 2)
    # theta maps view coordinates in [-1, 1] to crop coordinates in [-1, 1].
    theta = torch.cat([turn * side[:, None, None], (2 * centre - 1)[..., None]], 2)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    pixels = F.grid_sample(pixels_B3CC.float() / 255, grid, align_corners=False)
    if mirrored.any():
        pixels[mirrored] = pixels[mirrored].flip(-1)

    def placed(crop_BP2: Tensor) -> Tensor:
        points = (crop_BP2 - centre[:, None]) @ turn / side[:, None, None] + 0.5
        flipped = points[:, MIRROR] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        return torch.where(mirrored[:, None, None], flipped, points)

    points = placed(points_BP2)
    exact = points if exact_BP2 is None else placed(exact_BP2)
    if generator is not None:
        pixels = photograph(pixels, generator)
        points = misplace(points, generator)
    return Views(pixels, points, mirrored, exact)


def misplace(points_BP2: Tensor, generator: torch.Generator) -> Tensor:
    """Err as finders do: little on most faces, and then whole features more than single points."""
    n = len(points_BP2)
    amount = torch.rand(n, 1, 1, generator=generator).square()
    middle = points_BP2.mean(1, keepdim=True)
    size = 1 + 0.03 * amount * torch.randn(n, 1, 1, generator=generator)
    moved = (points_BP2 - middle) * size + middle
    moved = moved + 0.012 * amount * torch.randn(n, 1, 2, generator=generator)
    features = torch.randn(n, len(FEATURES), 2, generator=generator)
    moved = moved + 0.012 * amount * features[:, FEATURE_OF]
    return moved + (0.001 + 0.01 * amount) * torch.randn(moved.shape, generator=generator)


def photograph(pixels_B3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Vary exposure, contrast, colour, sharpness, noise; cover a patch now and then."""
    n, _, size, _ = pixels_B3SS.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)

    out = pixels_B3SS.clamp_min(1e-4) ** uniform(-0.5, 0.5).exp()
    out = (out - 0.5) * uniform(0.65, 1.35) + 0.5 + uniform(-0.15, 0.15)
    grey = out.mean(1, keepdim=True)
    colour = torch.where(uniform(0, 1) < 0.4, torch.zeros(n, 1, 1, 1), uniform(0.4, 1.3))
    tint = 1 + 0.08 * torch.randn(n, 3, 1, 1, generator=generator) * (colour > 0)
    out = (grey + (out - grey) * colour) * tint
    small = int(torch.randint(size // 3, size, (1,), generator=generator))
    soft = F.interpolate(F.interpolate(out, small, mode="area"), size, mode="bilinear")
    out = torch.where(uniform(0, 1) < 0.35, soft, out)
    out = out + uniform(0, 0.05) * torch.randn(out.shape, generator=generator)
    out = _cover(out, generator)
    return out.clamp(0, 1)


def _cover(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Put a flat rectangle over a tenth of the faces, as hands and microphones do."""
    size = pixels.shape[-1]
    for row in torch.nonzero(torch.rand(len(pixels), generator=generator) < 0.1).flatten():
        h, w = (torch.randint(size // 10, size // 4, (2,), generator=generator)).tolist()
        y = int(torch.randint(0, size - h, (1,), generator=generator))
        x = int(torch.randint(0, size - w, (1,), generator=generator))
        pixels[row, :, y : y + h, x : x + w] = torch.rand(3, 1, 1, generator=generator)
    return pixels


def normalise(pixels: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """As the image processor does."""
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def fixed_point(points_BP2: Tensor) -> Tensor:
    """Points in [0, 1] of the view as the int32 the model takes."""
    return (points_BP2 / POINT_UNIT).round().to(torch.int32)


assert math.isclose(POINT_UNIT, 1e-4)
