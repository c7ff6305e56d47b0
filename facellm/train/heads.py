"""Throw-away heads: what the vision part must tell about a face before it learns to speak.

Each action unit is read from the region tokens of its own FACS regions, so that a region token
comes to hold what happens there. Heads are not part of the model that is saved.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.emotions import EMOTIONS
from facellm.core.facs import MAX_INTENSITY
from facellm.core.regions import N_POINTS, REGIONS
from facellm.model.readings import UNITS, unit_regions
from facellm.model.region_encoder import eye_distance, into_view
from facellm.train.crops import UNKNOWN

# Shapes: B faces, R = 15 regions, E region width, D tower width, A action units.
NARROW = 32
NEAR_ENOUGH = 0.02
"""Error of a point, in inter-ocular distances, from which its loss grows no faster."""


class Heads(nn.Module):
    """Action-unit intensities, expression and pose from region tokens and patches."""

    def __init__(self, region_size: int, hidden_size: int) -> None:
        super().__init__()
        self.register_buffer("share", unit_regions())
        self.norm = nn.LayerNorm(region_size)
        self.unit = nn.Parameter(torch.randn(len(UNITS), region_size) * region_size**-0.5)
        self.unit_bias = nn.Parameter(torch.zeros(len(UNITS)))
        self.whole = nn.Linear(hidden_size, region_size)
        self.emotion = nn.Sequential(
            nn.Linear(2 * region_size, region_size),
            nn.GELU(),
            nn.Linear(region_size, len(EMOTIONS)),
        )
        self.pose = nn.Linear(region_size, 3)

    def forward(self, regions_BRE: Tensor, patches_BND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Intensities (B, A) in units of 5, emotion logits (B, 8), pose (B, 3) in radians."""
        tokens = self.norm(regions_BRE)
        own_BAE = torch.einsum("ar,bre->bae", self.share, tokens)
        units = torch.einsum("bae,ae->ba", own_BAE, self.unit) + self.unit_bias
        mean = tokens.mean(1)
        both = torch.cat([mean, self.whole(patches_BND.mean(1))], 1)
        return units, self.emotion(both), self.pose(mean)


class Placer(nn.Module):
    """The 68 points from region tokens: where on the face each is, besides how it looks."""

    def __init__(self, region_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(region_size)
        self.narrow = nn.Linear(region_size, NARROW)
        self.moves = nn.Linear(len(REGIONS) * NARROW, 2 * N_POINTS)

    def forward(self, regions_BRE: Tensor, points_BP2: Tensor) -> Tensor:
        """Points (B, 68, 2) in view units, from those that were given."""
        moves = self.moves(F.gelu(self.narrow(self.norm(regions_BRE))).flatten(1))
        return points_BP2 + into_view(moves.float().unflatten(1, (N_POINTS, 2)), points_BP2)


def placing_loss(placed_BP2: Tensor, exact_BP2: Tensor) -> Tensor:
    """Smooth L1 distance in inter-ocular distances, over points that are known (NaN: not)."""
    known = ~exact_BP2.isnan().flatten(1).any(1)
    if not known.any():
        return placed_BP2.sum() * 0
    exact = exact_BP2[known]
    apart = (placed_BP2[known] - exact) / eye_distance(exact)[:, None, None]
    return F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=NEAR_ENOUGH)


def head_losses(
    outputs: tuple[Tensor, Tensor, Tensor], units: Tensor, emotion: Tensor, pose: Tensor
) -> dict[str, Tensor]:
    """Losses over what is labelled; unlabelled parts cost nothing.

    Args:
        outputs: of `Heads`.
        units: (B, A) intensities 0-5, NaN unlabelled.
        emotion: (B,) index, `UNKNOWN` unlabelled.
        pose: (B, 3) radians, NaN unlabelled.
    """
    said, logits, turned = outputs
    zero = said.sum() * 0
    known = ~units.isnan()
    losses = {"units": zero, "emotion": zero, "pose": zero}
    if known.any():
        # Active units are rare: weigh them up, or predicting nothing is the easy way out.
        gold = units[known] / MAX_INTENSITY
        weight = 1 + 3 * gold
        loss = F.smooth_l1_loss(said[known], gold, beta=0.1, reduction="none")
        losses["units"] = (weight * loss).mean()
    if (emotion != UNKNOWN).any():
        losses["emotion"] = F.cross_entropy(
            logits, emotion, ignore_index=UNKNOWN, label_smoothing=0.1
        )
    posed = ~pose.isnan().any(1)
    if posed.any():
        losses["pose"] = F.smooth_l1_loss(turned[posed], pose[posed], beta=0.1)
    return losses


LOSS_WEIGHTS = {"units": 4.0, "emotion": 0.5, "pose": 1.0, "looking": 0.1}
