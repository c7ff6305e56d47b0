"""Landmarks moved to where the patches show them to be: one step of a regression of the shape.

    patches x, points z ──► features at the points x(z) (68·K) , shape of the points (136)
                        ──► MLP ──► offsets (68, 2) in the face's own frame ──► z'

A finder's points err, and readings that hear the shape of the face hear the error too. What a patch
shows at a wrong point says which way the right one lies (supervised descent: Xiong & De la Torre,
2013). Learned where exact points are known: they were made wrong, or found wrong. The last layer
begins at zero, so that points stay where they were given until it has learned.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.regions import N_POINTS
from facellm.model.configuration import FaceVisionConfig
from facellm.model.region_encoder import into_view

# Shapes: V views, N = G * G patches, D tower channels, F face slots, X faces.

NARROW, HIDDEN = 16, 256


class Refiner(nn.Module):
    """Corrects the points of faces by what is seen at them."""

    def __init__(self, config: FaceVisionConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size)
        self.narrow = nn.Linear(config.hidden_size, NARROW)
        self.moves = nn.Sequential(
            nn.Linear(N_POINTS * NARROW + 2 * N_POINTS, HIDDEN), nn.GELU(),
            nn.Linear(HIDDEN, 2 * N_POINTS),
        )  # fmt: skip
        nn.init.zeros_(self.moves[2].weight)
        nn.init.zeros_(self.moves[2].bias)

    def forward(self, local_XPD: Tensor, shape_XA: Tensor, points_XP2: Tensor) -> Tensor:
        """Corrected points (X, 68, 2), float32 in view units.

        Args:
            local_XPD: patches at the points, see `at_points`.
            shape_XA: standardised coordinates of the points (X, 136), see `readings.Shape`.
            points_XP2: float32 in view units.
        """
        seen = self.narrow(self.norm(local_XPD)).flatten(1)
        moves = self.moves(torch.cat([seen, shape_XA.to(seen.dtype)], 1))
        return points_XP2 + into_view(moves.float().unflatten(1, (N_POINTS, 2)), points_XP2)


def at_points(patches_XND: Tensor, points_XP2: Tensor) -> Tensor:
    """Patches at points in view units, (X, 68, D): those around mixed by their distance."""
    grid = round(patches_XND.shape[1] ** 0.5)
    square = patches_XND.transpose(1, 2).unflatten(2, (grid, grid))
    places = (2 * points_XP2 - 1).unsqueeze(2).to(square.dtype)
    found = F.grid_sample(square, places, padding_mode="border", align_corners=False)
    return found.squeeze(3).transpose(1, 2)
