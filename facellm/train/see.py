"""Objective `see`: the vision part learns to see, before there is anything to say."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS
from facellm.faces.region_masks import region_masks
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import POINT_UNIT, FaceVision, view_points
from facellm.train.crops import Crops, draw
from facellm.train.features import Features, Key
from facellm.train.heads import LOSS_WEIGHTS, Heads, head_losses
from facellm.train.inputs import Seen, face_views, generator_at, in_slot
from facellm.train.loop import Batch
from facellm.train.recipe import Stage


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
    """The vision part, which is asked what it reads off a face: what objective `see` trains.

    A model without readings of its own gets heads, which are thrown away afterwards.
    """

    def __init__(self, vision: FaceVision, features: Features | None = None) -> None:
        super().__init__()
        self.vision, config = vision, vision.config
        self.features = features
        own = vision.readings is not None
        self.heads = None if own else Heads(config.region_size, config.hidden_size)
        # Ablations leave the region tokens out: the mean patch then stands in for every region.
        self.stand_in = (
            None if config.read_out else nn.Linear(config.hidden_size, config.region_size)
        )

    def read(
        self, pixels: Tensor, landmarks: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor | None]:
        """Units, emotion and pose read off views (V, 3, S, S) of one face each, see `Heads`.

        The second value is the read-out attention (V, 15, N), None where nothing is read out.
        """
        patches, regions, attention, present = self.vision.see(pixels, landmarks)
        if self.stand_in is not None and self.heads is not None:
            mean = self.stand_in(patches.mean(1, keepdim=True))
            return self.heads(mean.expand(-1, len(REGIONS), -1), patches), None
        if regions is None or attention is None:
            raise FaceLLMError("every view of objective see must show one face")
        if self.heads is None:
            points = view_points(landmarks[present])
            return self.vision.readings(regions[present], points), attention[present]
        return self.heads(regions[present], patches), attention[present]

    def forward(
        self,
        units: Tensor,
        emotion: Tensor,
        pose: Tensor,
        keys: Sequence[Key] | None = None,
        **seen: Tensor,
    ) -> dict[str, Tensor]:
        """Losses of a batch: of what is read, and of looking elsewhere than at the region.

        Args:
            units, emotion, pose: what is known, see `head_losses`.
            keys: views whose region tokens are kept; in their place:
            **seen: `pixels`, `landmarks` and `inside` (V, 15, N), the patches of each region.
        """
        if keys is not None and self.features is not None and self.vision.readings is not None:
            _, regions, points = self.features(self.vision, keys)
            return head_losses(self.vision.readings(regions, points), units, emotion, pose)
        outputs, attention = self.read(seen["pixels"], seen["landmarks"])
        losses = head_losses(outputs, units, emotion, pose)
        if attention is not None:
            losses["looking"] = looking_loss(attention, seen["inside"])
        return losses


def region_places(points_VP2: Tensor, grid: int) -> Tensor:
    """Which patches (V, 15, N) belong to each region, from fixed-point landmarks of the views."""
    places = points_VP2.numpy() * POINT_UNIT
    return torch.from_numpy(np.stack([region_masks(face, grid) for face in places])).flatten(2)


def looking_loss(attention_VRN: Tensor, inside_VRN: Tensor) -> Tensor:
    """−log of the attention inside a region's own patches, the mean over what is in the view."""
    within = (attention_VRN * inside_VRN).sum(-1)
    return -within[inside_VRN.any(-1)].clamp_min(1e-4).log().mean()


class Seeing:
    """Tower, region encoder and readings learn from labels; the rest of the model is not used."""

    weights = LOSS_WEIGHTS

    def __init__(
        self,
        vision: FaceVision,
        images: FaceLLMImageProcessor,
        crops: Sequence[Crops],
        shares: Sequence[float],
        stage: Stage,
        seed: int,
    ) -> None:
        features = None
        if stage.cached_views:
            features = Features(crops, images, seed, stage.cache_gib)
        self.module, self.images, self.crops = Seer(vision, features), images, crops
        self.shares, self.stage, self.seed = shares, stage, seed
        self.config = vision.config

    def batch(self, step: int, index: int, count: int) -> Batch:
        """Faces drawn, seen in some way, and what is known of them."""
        rng, generator = generator_at(self.seed, step, index)
        drawn = draw(self.crops, self.shares, self.stage.per_device_train_batch_size, rng)
        if self.stage.cached_views:
            versions = rng.integers(self.stage.cached_views, size=len(drawn)).tolist()
            keys = [(Seen("face", *face), v) for face, v in zip(drawn, versions, strict=True)]
            known = gold(self.crops, drawn, torch.zeros(len(drawn), dtype=torch.bool))
            named = dict(zip(("units", "emotion", "pose"), known, strict=True))
            return Batch({"keys": keys, **named}, samples=len(drawn))
        pixels, points, mirrored = face_views(
            self.crops, drawn, self.config.image_size, self.images, generator
        )
        # Any slot: whatever a face is called, it is seen the same way.
        slots = rng.integers(self.config.max_faces, size=len(drawn))
        units, emotion, pose = gold(self.crops, drawn, mirrored)
        inputs = {
            "pixels": pixels,
            "landmarks": in_slot(points, slots.tolist(), self.config.max_faces),
            "units": units,
            "emotion": emotion,
            "pose": pose,
            "inside": region_places(points, self.config.grid_size),
        }
        return Batch(inputs, samples=len(drawn))
