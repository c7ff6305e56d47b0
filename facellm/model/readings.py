"""What the region tokens say in numbers, and how the numbers are told to the language model.

    region tokens r (X,15,E), points z (X,68,2) ──► action units v (X,A), expression logits (X,8),
                                                    pose (X,3)
    told: r_k ← r_k + U_a + Σ_b max(0, 1 − |v_a − b|) V_b + Σ_e p_e M_e,   a the k-th unit shown
          r_15 ← r_15 + Σ_c Σ_b max(0, 1 − |θ_c / 0.2 − b|) P_cb,          θ pitch, yaw, roll

A language model that has to find intensities in region tokens by itself needs far more answers
than there are faces; here every labelled unit of every face teaches the reading, and what is read
reaches the language model as if it had been written down: the units that are shown, one a token in
the order of their numbers, each as a name U_a and a level V_b, b = 0 … 5, interpolated between
levels. How the head is held is told in the same way, b = −3 … 3, on the last token alone, where
hardly a face has a unit. Unlike a concept bottleneck (Koh et al., 2020) the region tokens still
pass as they are.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.emotions import EMOTIONS
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY, PROTOCOLS
from facellm.core.regions import N_POINTS, REGIONS
from facellm.model.configuration import FaceVisionConfig
from facellm.model.refine import Refiner
from facellm.model.region_encoder import eye_distance, own_frame

# Shapes: X faces, R = 15 regions, E region width, A = 23 action units, B = 6 levels, L width of
# the language model.

UNITS = PROTOCOLS["rig23"].units
"""The action units that are read."""
LEVELS = int(MAX_INTENSITY) + 1
NARROW, HIDDEN = 32, 256
LEAST_VARIANCE = 1e-5
"""Added to the variance of a coordinate that hardly varies."""
SHOWN = 0.5
"""Least intensity of a unit that is told as shown: it rounds to 1, a trace."""
TURN, TURNS = 0.2, 3
"""Radians from one level of an angle to the next, and levels to either side; what is beyond is told
as the last."""
LOUD = 0.08
"""Standard deviation of what is told, about that of a language model's word embeddings."""


def unit_regions() -> Tensor:
    """(A, R): the share of each region in each unit's reading, rows sum to 1."""
    share = torch.zeros(len(UNITS), len(REGIONS))
    for row, number in enumerate(UNITS):
        for region in ACTION_UNITS[number].regions:
            share[row, REGIONS.index(region)] = 1.0
    return share / share.sum(1, keepdim=True)


class Reading(NamedTuple):
    """Of each face."""

    units: Tensor
    """(X, A) intensities in units of 5, 0 to 1 where a face is read as it should be."""
    emotion: Tensor
    """(X, 8) logits over `EMOTIONS`."""
    pose: Tensor
    """(X, 3) pitch, yaw, roll in radians."""


class Known(NamedTuple):
    """What is known of faces in training, told in place of what is read off them."""

    units: Tensor
    """(X, A) intensities in units of 5, NaN where the reading stands."""
    emotion: Tensor
    """(X, 8) probabilities; what they leave to 1 goes to the reading's own."""

    def over(self, reading: Reading) -> Reading:
        """The reading, corrected by what is known."""
        units = torch.where(self.units.isnan(), reading.units, self.units)
        left = 1 - self.emotion.sum(-1, keepdim=True)
        felt = self.emotion + left * reading.emotion.softmax(-1)
        return Reading(units, felt.clamp_min(1e-6).log(), reading.pose)


def near(value: Tensor, first: int, last: int) -> Tensor:
    """(…, B) share of each level from `first` to `last` in values (…, 1) between them."""
    steps = torch.arange(first, last + 1, device=value.device, dtype=value.dtype)
    return F.relu(1 - (value - steps).abs())


def added(level_XA: Tensor, correction_AB: Tensor) -> Tensor:
    """What a correction adds to intensities 0-5 (X, A), interpolated between levels."""
    within = level_XA.clamp(0, MAX_INTENSITY).unsqueeze(-1)
    return torch.einsum("xab,ab->xa", near(within, 0, LEVELS - 1), correction_AB)


class Shape(nn.Module):
    """68 points as (X, 136) coordinates in the face's own frame, each of mean 0 and variance 1.

    Mean and variance are those of the faces a model is built for, measured once and in float32
    whatever the model computes in: a brow raised by a hundredth of a face is a tenth of what
    coordinates vary.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2 * N_POINTS))
        self.register_buffer("var", torch.ones(2 * N_POINTS))

    def fit(self, points_XP2: Tensor) -> None:
        """Measure mean and variance on X > 1 faces; the same faces give the same in any process."""
        own = self._own(points_XP2)
        self.mean.copy_(own.mean(0))
        self.var.copy_(own.var(0))

    def forward(self, points_XP2: Tensor) -> Tensor:
        """Standardised coordinates (X, 136), float32, of points in any unit."""
        spread = (self.var.float() + LEAST_VARIANCE).sqrt()
        return (self._own(points_XP2) - self.mean.float()) / spread

    def _own(self, points_XP2: Tensor) -> Tensor:
        points_XP2 = points_XP2.float()
        return own_frame(points_XP2, eye_distance(points_XP2)).flatten(1)


class Readings(nn.Module):
    """Action-unit intensities, expression and pose from region tokens and the shape of the face.

    A unit is read from the tokens of its own FACS regions, so that a token comes to hold what
    happens there, and corrected by the face as a whole: cheeks rise when lip corners do. The 68
    points in the face's own frame tell how far a feature has moved more finely than patches do;
    they are only as good as the finder, so neither stands alone.

    On people it was not trained on, a reading says more than is there; by how much at each level,
    `facellm.train.calibrate` measures on people held back, and `correction` takes off.
    """

    def __init__(self, config: FaceVisionConfig) -> None:
        super().__init__()
        size = config.region_size
        self.register_buffer("share", unit_regions())
        self.register_buffer("correction", torch.zeros(len(UNITS), LEVELS))
        self.norm = nn.LayerNorm(size)
        self.unit = nn.Parameter(torch.randn(len(UNITS), size) * size**-0.5)
        self.unit_bias = nn.Parameter(torch.zeros(len(UNITS)))
        self.narrow = nn.Linear(size, NARROW)
        self.shape = Shape()
        self.moved = nn.Sequential(
            nn.Linear(2 * N_POINTS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN)
        )
        self.whole = nn.Sequential(
            nn.GELU(), nn.Linear(len(REGIONS) * NARROW + HIDDEN, HIDDEN),
            nn.GELU(), nn.Linear(HIDDEN, len(UNITS) + len(EMOTIONS) + 3),
        )  # fmt: skip
        self.refiner = Refiner(config) if config.refine else None

    def placed(self, local_XPD: Tensor, points_XP2: Tensor) -> Tensor:
        """Points (X, 68, 2) as they should be heard: corrected where there is a refiner."""
        if self.refiner is None:
            return points_XP2
        return self.refiner(local_XPD, self.shape(points_XP2), points_XP2)

    def forward(self, regions_XRE: Tensor, points_XP2: Tensor) -> Reading:
        """Read faces off their region tokens and points (X, 68, 2), float32 in view units."""
        tokens = self.norm(regions_XRE)
        own_XAE = torch.einsum("ar,xre->xae", self.share, tokens)
        own = torch.einsum("xae,ae->xa", own_XAE, self.unit) + self.unit_bias
        moved = self.moved(self.shape(points_XP2).to(tokens.dtype))
        whole = self.whole(torch.cat([self.narrow(tokens).flatten(-2), moved], -1))
        units, emotion, pose = whole.split([len(UNITS), len(EMOTIONS), 3], -1)
        units = own + units
        units = units + added(units * MAX_INTENSITY, self.correction) / MAX_INTENSITY
        return Reading(units, emotion, pose)


class Telling(nn.Module):
    """Readings in the language model's own space, as a list over the tokens of a face.

    Looking a unit up is looking at one token, listing them is going from one to the next, and a
    level is the same word for every unit. Told all on every token, they drown each other: a small
    language model then says a tenth of what it is told wrongly.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # As loud as words are: what is much fainter than the region tokens is not listened to.
        self.units = nn.Parameter(torch.randn(len(UNITS), width) * LOUD)
        self.levels = nn.Parameter(torch.randn(LEVELS, width) * LOUD)
        self.emotions = nn.Parameter(torch.randn(len(EMOTIONS), width) * LOUD)
        self.pose = nn.Parameter(torch.randn(3, 2 * TURNS + 1, width) * LOUD)

    def forward(self, reading: Reading) -> Tensor:
        """What is added to the projected region tokens of a face, (X, 15, L).

        Of more than 15 units shown, the last are not told.
        """
        level_XA = (reading.units * MAX_INTENSITY).clamp(0, MAX_INTENSITY)
        shown_XA = level_XA >= SHOWN
        order_XR = (~shown_XA).long().argsort(dim=1, stable=True)[:, : len(REGIONS)]
        level_XR1 = level_XA.gather(1, order_XR).unsqueeze(-1)
        said_XRL = self.units[order_XR] + near(level_XR1, 0, LEVELS - 1) @ self.levels
        felt_XL = reading.emotion.softmax(-1) @ self.emotions
        held_X31 = (reading.pose / TURN).clamp(-TURNS, TURNS).unsqueeze(-1)
        held_XL = torch.einsum("xcb,cbl->xl", near(held_X31, -TURNS, TURNS), self.pose)
        said_XRL = said_XRL * shown_XA.gather(1, order_XR).unsqueeze(-1) + felt_XL.unsqueeze(1)
        return said_XRL + F.pad(held_XL.unsqueeze(1), (0, 0, len(REGIONS) - 1, 0))
