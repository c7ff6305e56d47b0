"""One arm of a comparison: what sees, trained as a recipe says, then asked about held-out faces.

    recipe, options, corpora ─► stage `see` ─► Seer ─► test faces ─► units, expression, looks

Arms of one comparison have the same seed, batches and steps. An arm that lacks a part may be filled
up to the parameters of one that has it. Everything is kept in the arm's folder: an arm that is
finished is neither trained nor asked again.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.core.facs import PRESENT
from facellm.core.grounding import compare_map, unit_map, unit_mask
from facellm.core.recipe import claim, dump
from facellm.core.regions import REGIONS
from facellm.model import FaceVisionConfig, vision_config
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import FaceVision
from facellm.train.checkpoint import Checkpoint
from facellm.train.crops import UNITS, Crops
from facellm.train.inputs import face_views, in_slot
from facellm.train.loop import run_stage
from facellm.train.recipe import Corpus, Recipe, Stage
from facellm.train.see import Seeing, Seer, region_places

# Shapes: N faces, A action units, G patches along a side.

BATCH = 64
Load = Callable[[Corpus], Crops]
"""Gives the training faces of a corpus; called only where an arm still has to be trained."""


@dataclass(frozen=True)
class Arm:
    """What is different about one arm."""

    name: str
    vision: Mapping[str, Any] = field(default_factory=dict)
    """Options of `FaceVisionConfig` in place of the recipe's."""
    corpora: Sequence[Corpus] = ()
    """In place of the recipe's; none: the recipe's own."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the recipe's `model` in place of its own."""
    stage: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the stage in place of its own."""

    @property
    def folder(self) -> str:
        return self.name.replace(",", "").replace(" ", "-")


class Read(NamedTuple):
    """What an arm reads off N faces."""

    ids: list[str]
    units: Tensor
    """(N, A) intensities 0-5."""
    emotion: Tensor
    """(N,) index into EMOTIONS of the likeliest."""
    look: Tensor
    """(N,) IoU of the read-out attention and the units' regions, the mean over the units shown at
    `PRESENT` or more; NaN where none is, or nothing is read out."""


class Filled(nn.Module):
    """A tower whose patches pass a residual MLP: the parameters that another arm has elsewhere."""

    def __init__(self, tower: nn.Module, channels: int, hidden: int) -> None:
        super().__init__()
        self.tower = tower
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, hidden), nn.GELU(),
            nn.Linear(hidden, channels, bias=False),
        )  # fmt: skip

    def forward(self, pixels: Tensor) -> Tensor:
        """Patch tokens (V, N, D)."""
        patches = self.tower(pixels)
        return patches + self.mlp(patches)


def arm_recipe(recipe: Recipe, arm: Arm, folder: Path) -> Recipe:
    """The recipe of an arm alone: its first stage of objective `see`, in a folder of its own.

    Raises:
        FaceLLMError: a recipe without such a stage, or one that goes on from a model.
    """
    stages = [stage for stage in recipe.stages if stage.objective == "see"]
    if not stages or recipe.model is None or isinstance(recipe.model.tower, str):
        raise FaceLLMError(
            "arms are compared from random weights; the recipe needs a model with a tower to "
            "build, and a stage of objective see"
        )
    vision = {**recipe.model.vision, **arm.vision}
    model = recipe.model.model_copy(update={**arm.model, "vision": vision})
    corpora = list(arm.corpora) or [c for c in recipe.corpora if c.path is not None]
    # Weights a stage gives belong to the recipe's corpora, all of them.
    shares = None
    if not arm.corpora and stages[0].weights is not None:
        pairs = zip(recipe.shares(stages[0]), recipe.corpora, strict=True)
        shares = [share for share, corpus in pairs if corpus.path is not None]
    encodes = vision.get("guidance", True) or vision.get("read_out", True)
    # What an arm does not have, its stage cannot train.
    parts = [part for part in stages[0].train if part != "region_encoder" or encodes]
    stage = stages[0].model_copy(update={"train": parts, "weights": shares, **arm.stage})
    update = {"output_dir": folder, "model": model, "corpora": corpora, "stages": [stage]}
    return recipe.model_copy(update={**update, "evaluate": 0})


def parameters(seer: Seer) -> int:
    """How many learn in `see`: tower, region encoder, readings or heads."""
    rest = set(seer.vision.projector.parameters())
    return sum(p.numel() for p in seer.parameters() if p not in rest)


def build(recipe: Recipe, fill_to: int = 0) -> Seer:
    """What an arm's recipe trains, with random weights, filled up to so many parameters.

    Filling up comes in steps of two patches' channels; an arm that has more stays as it is.
    """
    assert recipe.model is not None and isinstance(recipe.model.tower, dict)
    torch.manual_seed(recipe.seed)
    config = vision_config(recipe.model.tower, recipe.model.layer, **recipe.model.vision)
    seer = Seer(FaceVision(config, width=8), placing=recipe.stages[0].placing > 0)
    channels = config.hidden_size
    hidden = round((fill_to - parameters(seer) - 2 * channels) / (2 * channels + 1))
    if hidden > 0:
        seer.vision.vision_tower = Filled(seer.vision.vision_tower, channels, hidden)
    return seer


def train_arm(recipe: Recipe, load: Load, fill_to: int = 0) -> Seer:
    """An arm after its stage: trained, resumed, or as it was when it was finished.

    Raises:
        FaceLLMError: a folder that holds an arm of other settings.
    """
    [stage] = recipe.stages
    claim(recipe.output_dir, dump(recipe) + f"fill_to: {fill_to}\n")
    seer = build(recipe, fill_to)
    state = Checkpoint(recipe.output_dir, stage.name).read()
    if state is not None and "done" in state:
        seer.load_state_dict(state["weights"], strict=False)
        return seer.eval()
    print(f"training {recipe.output_dir.name}", flush=True)
    crops = [load(corpus) for corpus in recipe.corpora]
    if seer.vision.readings is not None:
        seer.vision.readings.shape.fit(torch.cat([corpus.points for corpus in crops]))
    objective = _Objective(seer, crops, recipe.shares(stage), stage, recipe.seed)
    run_stage(objective, recipe, stage)
    return seer.eval()


class _Objective(Seeing):
    """`see`, of a module that is there already."""

    def __init__(
        self, seer: Seer, crops: Sequence[Crops], shares: Sequence[float], stage: Stage, seed: int
    ) -> None:
        super().__init__(seer.vision, _images(seer.vision.config), crops, shares, stage, seed)
        self.module = seer


def _images(config: FaceVisionConfig) -> FaceLLMImageProcessor:
    return FaceLLMImageProcessor(config.image_size, config.max_faces)


def read_kept(seer: Seer, crops: Crops, path: Path) -> Read:
    """What `read_faces` gives, from a file where it is of these very faces, else written to it."""
    ids = [sample.id for sample in crops.samples]
    mark = hashlib.sha256("".join(ids).encode() + crops.points.numpy().tobytes()).hexdigest()
    if path.is_file():
        with np.load(path) as kept:
            if str(kept["mark"]) == mark:
                parts = (torch.from_numpy(kept[name]) for name in Read._fields[1:])
                return Read(ids, *parts)
    read = read_faces(seer, crops)
    part = path.with_suffix(".part.npz")
    np.savez(part, mark=mark, **{name: getattr(read, name).numpy() for name in Read._fields[1:]})
    part.replace(path)
    return read


@torch.inference_mode()
def read_faces(seer: Seer, crops: Crops) -> Read:
    """What is read off plain views of the faces."""
    config: FaceVisionConfig = seer.vision.config
    images = _images(config)
    seer.eval()
    units, emotion, look = [], [], []
    for start in range(0, len(crops), BATCH):
        rows = range(start, min(start + BATCH, len(crops)))
        drawn = [(0, row) for row in rows]
        seen = face_views([crops], drawn, config.image_size, images, None)
        landmarks = in_slot(seen.points, [0] * len(drawn), config.max_faces)
        (levels, logits, _), _, attention = seer.read(seen.pixels, landmarks)
        units.append(5 * levels)
        emotion.append(logits.argmax(1))
        if attention is None:
            look.append(torch.full((len(drawn),), torch.nan))
            continue
        inside = region_places(seen.points, config.grid_size)
        gold = crops.units[start : start + len(drawn)]
        look.append(torch.tensor([_iou(*face) for face in zip(attention, inside, gold,
                                                              strict=True)]))  # fmt: skip
    ids = [sample.id for sample in crops.samples]
    return Read(ids, torch.cat(units), torch.cat(emotion), torch.cat(look))


def _iou(attention_RN: Tensor, inside_RN: Tensor, units_A: Tensor) -> float:
    """Of one face, see `Read.look`."""
    side = round(attention_RN.shape[1] ** 0.5)
    maps = dict(zip(REGIONS, attention_RN.reshape(-1, side, side).double().numpy(), strict=True))
    masks = inside_RN.reshape(-1, side, side).bool().numpy()
    shown = [unit for unit, level in zip(UNITS, units_A.tolist(), strict=True) if level >= PRESENT]
    found = [compare_map(unit_map(maps, unit), unit_mask(masks, unit))[0] for unit in shown]
    return sum(found) / len(found) if found else float("nan")
