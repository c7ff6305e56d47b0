"""The two small networks of the built-in finder; both look at grey pictures.

Legend: B pictures or crops, H W pixels, h w cells of `STRIDE` pixels.

    picture (B,1,H,W) → Detector   → (B,6,h,w)  score, place, size and tilt of a face a cell
    crop (B,1,96,96)  → Landmarker → (B,68,2) points in [-1, 1] of the crop, (B,) face score
"""

import torch
from torch import Tensor, nn

STRIDE = 8
UNIT_SIDE = 32.0
"""A face's side is predicted as the logarithm of its ratio to this, in pixels."""
CROP_SIZE = 96
DETECTOR_FIELDS = 6
"""Score logit, offset x and y from the cell's centre in cells, log side, cos, sin of the roll."""


def _conv(inside: int, outside: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3 × 3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class Detector(nn.Module):
    """Centres, sizes and tilts of faces about 10-150 pixels wide."""

    def __init__(self) -> None:
        super().__init__()
        self.to8 = nn.Sequential(_conv(1, 12, 2), _conv(12, 24, 2), _conv(24, 40, 2), Residual(40))
        self.to16 = nn.Sequential(_conv(40, 56, 2), Residual(56), Residual(56))
        self.to32 = nn.Sequential(_conv(56, 72, 2), Residual(72), Residual(72))
        self.lift32, self.lift16 = nn.Conv2d(72, 40, 1), nn.Conv2d(56, 40, 1)
        self.mix16, self.mix8 = _conv(40, 40), _conv(40, 40)
        self.head = nn.Conv2d(40, DETECTOR_FIELDS, 1)
        # Faces are rare: a score that starts low keeps the first steps from exploding.
        self.head.bias = nn.Parameter(torch.tensor([-4.0] + [0.0] * (DETECTOR_FIELDS - 1)))

    def forward(self, grey_B1HW: Tensor) -> Tensor:
        """Fields (B, 6, H/8, W/8) of pictures in [0, 1] whose sides are multiples of 32."""
        at8 = self.to8(grey_B1HW * 4 - 2)
        at16 = self.to16(at8)
        up16 = self.lift16(at16) + _twice(self.lift32(self.to32(at16)))
        fields: Tensor = self.head(self.mix8(at8 + _twice(self.mix16(up16))))
        return fields


class Landmarker(nn.Module):
    """The 68 points of an upright crop, and whether it shows a face at all."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(1, 24, 2), _conv(24, 48, 2), Residual(48),
            _conv(48, 80, 2), Residual(80), Residual(80),
            _conv(80, 112, 2), Residual(112), Residual(112), _conv(112, 64, 1, 1), nn.Flatten(),
        )  # fmt: skip
        # Unnormalised units die in the first steps, and every face becomes the mean face.
        self.hidden = nn.Sequential(
            nn.Linear(64 * 36, 224, bias=False), nn.BatchNorm1d(224), nn.ReLU(inplace=True)
        )
        self.points = nn.Linear(224, 136)
        self.face = nn.Linear(224, 1)

    def forward(self, grey_B1HW: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, 68, 2) and face logits (B,) of crops (B, 1, 96, 96) in [0, 1]."""
        # Light and contrast of the crop itself are removed: dark and flat faces look like others.
        mean = grey_B1HW.mean((2, 3), keepdim=True)
        spread = grey_B1HW.std((2, 3), keepdim=True)
        hidden = self.hidden(self.body((grey_B1HW - mean) / (spread + 0.02)))
        return self.points(hidden).view(-1, 68, 2), self.face(hidden)[:, 0]


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
