"""Stage one: the vision part learns to see, before there is anything to say."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.regions import REGIONS
from facellm.faces.region_masks import region_masks
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import ABSENT, POINT_UNIT, FaceVision
from facellm.train.augment import fixed_point, normalise, views
from facellm.train.crops import Crops, draw
from facellm.train.heads import LOSS_WEIGHTS, Heads, head_losses
from facellm.train.loop import Losses, run_stage
from facellm.train.recipe import Stage


def generator_at(seed: int, step: int) -> tuple[np.random.Generator, torch.Generator]:
    """The randomness of one step: the same whether or not the run was interrupted before it."""
    return (
        np.random.default_rng([seed, step]),
        torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63),
    )


def batch_views(
    crops: Sequence[Crops],
    drawn: Sequence[tuple[int, int]],
    size: int,
    images: FaceLLMImageProcessor,
    generator: torch.Generator | None,
    mirror: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Model inputs for drawn faces: pixels (B, 3, S, S), points int32 (B, 68, 2), mirrored (B,)."""
    pixels = torch.stack([crops[c].pixels[row] for c, row in drawn])
    points = torch.stack([crops[c].points[row] for c, row in drawn])
    seen, points, mirrored = views(pixels, points, size, generator, mirror)
    return normalise(seen, images.mean, images.std), fixed_point(points), mirrored


def in_slot(points_BP2: Tensor, slots: Sequence[int], max_faces: int) -> Tensor:
    """Landmarks (B, max_faces, 68, 2) with each face alone in its slot of its view."""
    landmarks = torch.full((len(points_BP2), max_faces, 68, 2), ABSENT, dtype=torch.int32)
    landmarks[torch.arange(len(points_BP2)), torch.tensor(slots)] = points_BP2
    return landmarks


def gold(
    crops: Sequence[Crops], drawn: Sequence[tuple[int, int]], mirrored: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Units, emotion and pose of drawn faces; a mirrored face turns and tilts the other way."""
    units = torch.stack([crops[c].units[row] for c, row in drawn])
    emotion = torch.stack([crops[c].emotion[row] for c, row in drawn])
    pose = torch.stack([crops[c].pose[row] for c, row in drawn])
    sign = torch.where(mirrored[:, None], torch.tensor([1.0, -1.0, -1.0]), torch.ones(3))
    return units, emotion, pose * sign


class Seer(nn.Module):
    """The vision part with its heads: what stage one trains."""

    def __init__(self, vision: FaceVision, heads: Heads) -> None:
        super().__init__()
        self.vision, self.heads = vision, heads
        # Ablations leave the region tokens out: the mean patch then stands in for every region.
        config = vision.config
        self.stand_in = (
            None if config.read_out else nn.Linear(config.hidden_size, config.region_size)
        )

    def forward(
        self, pixels: Tensor, landmarks: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor | None]:
        """What the heads read off views (V, 3, S, S) of one face each, see `Heads`.

        The second value is the read-out attention (V, 15, N), None where nothing is read out.
        """
        patches, regions, attention, present = self.vision.see(pixels, landmarks)
        if self.stand_in is not None:
            mean = self.stand_in(patches.mean(1, keepdim=True))
            return self.heads(mean.expand(-1, len(REGIONS), -1), patches), None
        assert regions is not None and attention is not None, "one face a view"
        return self.heads(regions[present], patches), attention[present]


def looking_loss(attention_VRN: Tensor, points_VP2: Tensor, grid: int) -> Tensor:
    """−log of the attention inside a region's own patches, the mean over what is in the view."""
    places = points_VP2.numpy() * POINT_UNIT
    masks = torch.from_numpy(np.stack([region_masks(face, grid) for face in places])).flatten(2)
    inside = (attention_VRN * masks).sum(-1)
    return -inside[masks.any(-1)].clamp_min(1e-4).log().mean()


def learn_to_see(
    seer: Seer,
    images: FaceLLMImageProcessor,
    crops: Sequence[Crops],
    weights: Sequence[float],
    stage: Stage,
    seed: int,
    folder: Path,
) -> None:
    """Train tower and region encoder through the heads; the projector rests."""
    config = seer.vision.config

    def losses(step: int) -> Losses:
        rng, generator = generator_at(seed, step)
        drawn = draw(crops, weights, stage.per_device_train_batch_size, rng)
        pixels, points, mirrored = batch_views(crops, drawn, config.image_size, images, generator)
        # Any slot: whatever a face is called, it is seen the same way.
        slots = rng.integers(config.max_faces, size=len(drawn))
        landmarks = in_slot(points, slots.tolist(), config.max_faces)
        outputs, attention = seer(pixels, landmarks)
        losses = head_losses(outputs, *gold(crops, drawn, mirrored))
        if attention is not None:
            losses["looking"] = looking_loss(attention, points, config.grid_size)
        return losses

    seer.train()
    seer.vision.projector.requires_grad_(False)
    run_stage("see", stage, folder, {"seer": seer}, losses, LOSS_WEIGHTS)
    seer.vision.projector.requires_grad_(True)
    seer.eval()
