"""Objective `see`: the vision part learns to see, before there is anything to say."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS
from facellm.faces.region_masks import region_masks
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import POINT_UNIT, FaceVision, view_points
from facellm.train.crops import UNKNOWN, Crops, draw
from facellm.train.features import Features, Key
from facellm.train.heads import LOSS_WEIGHTS, Heads, Placer, head_losses, placing_loss
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


class Looked(NamedTuple):
    """What was read off V views of one face each."""

    outputs: Any
    """Units, emotion and pose, see `Heads`."""
    placed: Tensor | None
    """(V, 68, 2) where the points are said to be, in view units; None where nobody says."""
    attention: Tensor | None = None
    """(V, 15, N) of the read-out; None where nothing is read out."""


class Seer(nn.Module):
    """The vision part, which is asked what it reads off a face: what objective `see` trains.

    A model without readings of its own gets heads, which are thrown away afterwards.
    """

    def __init__(
        self, vision: FaceVision, features: Features | None = None, placing: bool = False
    ) -> None:
        """Placing: whether the region tokens must tell where the points are."""
        super().__init__()
        self.vision, config = vision, vision.config
        self.features = features
        own = vision.readings is not None
        self.heads = None if own else Heads(config.region_size, config.hidden_size)
        # Ablations leave the region tokens out: the mean patch then stands in for every region.
        self.stand_in = (
            None if config.read_out else nn.Linear(config.hidden_size, config.region_size)
        )
        refines = own and config.refine
        self.placer = Placer(config.region_size) if placing and not refines else None

    def read(self, pixels: Tensor, landmarks: Tensor) -> Looked:
        """What is read off views (V, 3, S, S) of one face each."""
        patches, regions, attention, present = self.vision.see(pixels, landmarks)
        if self.stand_in is not None and self.heads is not None:
            mean = self.stand_in(patches.mean(1, keepdim=True))
            return Looked(self.heads(mean.expand(-1, len(REGIONS), -1), patches), None)
        if regions is None or attention is None:
            raise FaceLLMError("every view of objective see must show one face")
        points = view_points(landmarks[present])
        local = self.vision.local(patches, landmarks)
        outputs, placed = self._told(regions[present], points, local, patches)
        return Looked(outputs, placed, attention[present])

    def _told(
        self, regions: Tensor, points: Tensor, local: Tensor | None, patches: Tensor | None = None
    ) -> tuple[Any, Tensor | None]:
        """What is read off region tokens (V, 15, E), and where the points are said to be."""
        placed = None if self.placer is None else self.placer(regions, points)
        if self.heads is not None:
            return self.heads(regions, patches), placed
        if local is not None:
            placed = self.vision.readings.placed(local, points)
            # What is heard must not pull points away from where they are.
            points = placed.detach()
        return self.vision.readings(regions, points), placed

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
            **seen: `pixels`, `landmarks`, `exact` points (V, 68, 2) in view units and `inside`
                (V, 15, N), the patches of each region.
        """
        if keys is not None and self.features is not None and self.vision.readings is not None:
            kept = self.features(self.vision, keys)
            looked = Looked(*self._told(kept.regions, kept.points, kept.local))
            exact = kept.exact
        else:
            looked = self.read(seen["pixels"], seen["landmarks"])
            exact = seen["exact"]
        losses = head_losses(looked.outputs, units, emotion, pose)
        if looked.attention is not None:
            losses["looking"] = looking_loss(looked.attention, seen["inside"])
        if looked.placed is not None:
            losses["placing"] = placing_loss(looked.placed, exact)
        return losses


def region_places(points_VP2: Tensor, grid: int) -> Tensor:
    """Which patches (V, 15, N) belong to each region, from fixed-point landmarks of the views."""
    places = points_VP2.numpy() * POINT_UNIT
    return torch.from_numpy(np.stack([region_masks(face, grid) for face in places])).flatten(2)


def looking_loss(attention_VRN: Tensor, inside_VRN: Tensor) -> Tensor:
    """−log of the attention inside a region's own patches, the mean over what is in the view."""
    within = (attention_VRN * inside_VRN).sum(-1)
    return -within[inside_VRN.any(-1)].clamp_min(1e-4).log().mean()


def _check_labels(crops: Sequence[Crops], shares: Sequence[float], stage: Stage) -> None:
    """See that there is something to learn from: what is unlabelled costs nothing."""
    drawn = [c for c, share in zip(crops, shares, strict=True) if share]
    for one in drawn:
        labelled = (~one.units.isnan(), one.emotion != UNKNOWN, ~one.pose.isnan())
        if any(bool(part.any()) for part in labelled):
            return
    raise FaceLLMError(
        f"stage {stage.name}: none of the {sum(len(one) for one in drawn)} faces drawn from has "
        "action units, an expression or a pose, which objective see learns from; add a corpus with "
        "labels, or leave the stage out"
    )


def _check_placing(vision: FaceVision, stage: Stage) -> None:
    """See that points are learned where they are heard, and nowhere to no purpose."""
    refines = vision.readings is not None and vision.readings.refiner is not None
    if refines and not stage.placing:
        raise FaceLLMError(
            f"stage {stage.name}: the model corrects points (refine), which it learns by placing; "
            "set placing above 0"
        )
    if stage.placing and not refines and "region_encoder" not in stage.train:
        raise FaceLLMError(
            f"stage {stage.name}: placing teaches the region encoder, which rests; train it, or "
            "set placing to 0"
        )
    if stage.placing and not vision.config.read_out:
        raise FaceLLMError(f"stage {stage.name}: placing needs region tokens; set read_out to true")


class Seeing:
    """Tower, region encoder and readings learn from labels; the rest of the model is not used."""

    def __init__(
        self,
        vision: FaceVision,
        images: FaceLLMImageProcessor,
        crops: Sequence[Crops],
        shares: Sequence[float],
        stage: Stage,
        seed: int,
    ) -> None:
        _check_labels(crops, shares, stage)
        _check_placing(vision, stage)
        features = None
        if stage.cached_views:
            features = Features(crops, images, seed, stage.cache_gib)
        self.module = Seer(vision, features, stage.placing > 0)
        self.images, self.crops = images, crops
        self.weights = LOSS_WEIGHTS | {"placing": stage.placing}
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
        seen = face_views(self.crops, drawn, self.config.image_size, self.images, generator)
        # Any slot: whatever a face is called, it is seen the same way.
        slots = rng.integers(self.config.max_faces, size=len(drawn))
        units, emotion, pose = gold(self.crops, drawn, seen.mirrored)
        inputs = {
            "pixels": seen.pixels,
            "landmarks": in_slot(seen.points, slots.tolist(), self.config.max_faces),
            "exact": seen.exact,
            "units": units,
            "emotion": emotion,
            "pose": pose,
            "inside": region_places(seen.points, self.config.grid_size),
        }
        return Batch(inputs, samples=len(drawn))
