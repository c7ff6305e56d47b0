"""What the face-region encoder is worth: the same training with it, without guidance, without it.

    python -m facellm.train.ablate RECIPE --steps 300 [key=value …]

Each variant is trained alike by the recipe's first stage of objective `see` (same data, seed,
batches and steps), then reads action units off held-out faces through its heads. Differences are
paired by face and clustered by subject.
`plain` has no landmarks at all: its heads see the mean of the tower's patches.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from facellm.core.agreement import defined_mean, f1_columns
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.facs import PROTOCOLS
from facellm.core.statistics import Rows, by_subject, cluster_bootstraps
from facellm.model import FaceVisionConfig, vision_config
from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.vision import FaceVision
from facellm.train.crops import UNITS, Crops, load_crops
from facellm.train.inputs import face_views, in_slot
from facellm.train.loop import run_stage
from facellm.train.recipe import Recipe, load_recipe
from facellm.train.see import Seeing, Seer

VARIANTS: dict[str, dict[str, bool]] = {
    "full": {},
    "no guidance": {"guidance": False},
    "plain": {"guidance": False, "read_out": False},
}
PROTOCOL = "disfa12"
BATCH = 64


def train_variant(recipe: Recipe, crops: Sequence[Crops], name: str, folder: Path) -> Seer:
    """One variant after the same steps on the same batches."""
    stages = [stage for stage in recipe.stages if stage.objective == "see"]
    if not stages or recipe.model is None or isinstance(recipe.model.tower, str):
        raise FaceLLMError("an ablation needs a stage of objective see, and a tower to build")
    torch.manual_seed(recipe.seed)
    # All variants are read through the same heads: not all could have readings of their own.
    options = {**recipe.model.vision, **VARIANTS[name], "readings": False}
    config = vision_config(recipe.model.tower, recipe.model.layer, **options)
    # What a variant does not have, its stage cannot train.
    encodes = config.guidance or config.read_out
    parts = [part for part in stages[0].train if part != "region_encoder" or encodes]
    stage = stages[0].model_copy(update={"train": parts})
    folder.mkdir(parents=True, exist_ok=True)
    images = FaceLLMImageProcessor(config.image_size, config.max_faces)
    pairs = zip(recipe.shares(stage), recipe.corpora, strict=True)
    shares = [share for share, corpus in pairs if corpus.path is not None]
    vision = FaceVision(config, width=8)
    objective = Seeing(vision, images, crops, shares, stage, recipe.seed)
    run_stage(objective, recipe.model_copy(update={"output_dir": folder}), stage)
    return objective.module.eval()


@torch.inference_mode()
def read_units(seer: Seer, crops: Crops) -> Tensor:
    """Intensities 0-5 (N, 23) that the heads read off plain views."""
    config: FaceVisionConfig = seer.vision.config
    images = FaceLLMImageProcessor(config.image_size, config.max_faces)
    seer.eval()
    read = []
    for start in range(0, len(crops), BATCH):
        drawn = [(0, row) for row in range(start, min(start + BATCH, len(crops)))]
        pixels, points, _ = face_views([crops], drawn, config.image_size, images, None)
        landmarks = in_slot(points, [0] * len(drawn), config.max_faces)
        read.append(5 * seer.read(pixels, landmarks)[0][0])
    return torch.cat(read)


def compare(readings: dict[str, Tensor], crops: Crops) -> dict[str, Any]:
    """Mean F1 of each variant and of `full` minus each other one, with intervals."""
    units, present_at = PROTOCOLS[PROTOCOL]
    columns = [UNITS.index(number) for number in units]
    names, k = list(readings), len(units)
    table = torch.cat([readings[n][:, columns] for n in names] + [crops.units[:, columns]], 1)

    def statistics(rows: Rows) -> Rows:
        gold = rows[:, -k:]
        scores = [
            defined_mean(f1_columns(rows[:, i * k : (i + 1) * k], gold, present_at))
            for i in range(len(names))
        ]
        return np.array(scores + [scores[0] - other for other in scores[1:]])

    subjects = [sample.provenance.subject_id for sample in crops.samples]
    keys = (*names, *(f"{names[0]} - {other}" for other in names[1:]))
    groups = by_subject(subjects, table.double().tolist())
    return {
        key: interval.model_dump()
        for key, interval in cluster_bootstraps(groups, keys, statistics).items()
    }


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument()] = None,
    steps: int = 300,
    out: Annotated[Path, typer.Option()] = Path("ablation"),
) -> None:
    """Train the variants of RECIPE's vision part and compare them on its first corpus."""
    with one_line("ablate"):
        loaded = load_recipe(recipe, overrides or [])
        stages = [s.model_copy(update={"max_steps": steps}) for s in loaded.stages]
        loaded = loaded.model_copy(update={"stages": stages})
        if loaded.threads is not None:
            torch.set_num_threads(loaded.threads)
        read = [c for c in loaded.corpora if c.path is not None]
        crops = [load_crops(c.path, "train", c.limit) for c in read if c.path]
        held_out = load_crops(read[0].path, "test") if read and read[0].path else None
        if held_out is None:
            raise FaceLLMError("an ablation needs a corpus with path")
    readings = {
        name: read_units(train_variant(loaded, crops, name, out / name.replace(" ", "-")), held_out)
        for name in VARIANTS
    }
    result = compare(readings, held_out)
    (out / "ablation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for key, value in result.items():
        print(f"{key}: F1 {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")


if __name__ == "__main__":
    typer.run(main)
