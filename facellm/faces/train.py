r"""Train the built-in finder from labelled faces; minutes on a laptop.

    python -m facellm.faces.label PICTURES --out FACES --finder mediapipe --finder-model MODELS
    python -m facellm.faces.train detector --corpus FACES --negatives PLACES --out OUT
    python -m facellm.faces.train landmarks --corpus FACES RIG --negatives PLACES --out OUT \
        --detector OUT/detector.safetensors

`--corpus` folders hold a `samples.jsonl` with 68 points a face, `--negatives` pictures without any
face. Only persons of the train split are used. Training is bounded by processor time, whatever else
the machine does: the learning rate follows the share of `--minutes` that is used up. `OUT` is a
folder that `load_finder("builtin", OUT)` takes.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.faces.clutter import read_negatives
from facellm.faces.mean_shape import MEAN_SHAPE
from facellm.faces.mistakes import find_mistakes
from facellm.faces.networks import Detector, Landmarker
from facellm.faces.scenes import Tile, read_tiles
from facellm.faces.store import load_half, save_half
from facellm.faces.targets import detector_batch, detector_loss, landmark_batch, landmark_loss

Step = Callable[[nn.Module, np.random.Generator], Tensor]
MISTAKES = 6000
KEEP = 0.998
"""Share of the averaged weights kept a step; the average is what is saved."""


def detector_step(tiles: list[Tile], negatives: list[np.ndarray], count: int = 16) -> Step:
    """One loss of the detector on fresh scenes."""

    def step(model: nn.Module, rng: np.random.Generator) -> Tensor:
        batch = detector_batch(tiles, negatives, count, rng)
        return detector_loss(model(batch.grey), batch)

    return step


def landmark_step(
    tiles: list[Tile],
    negatives: list[np.ndarray],
    mistakes: list[np.ndarray] | None = None,
    count: int = 64,
) -> Step:
    """One loss of the landmarker on fresh crops."""

    def step(model: nn.Module, rng: np.random.Generator) -> Tensor:
        batch = landmark_batch(tiles, negatives, count, rng, mistakes)
        points, face = model(batch.grey)
        return landmark_loss(points, face, batch)

    return step


def train(
    model: nn.Module, step: Step, minutes: float, rate: float, seed: int, path: Path
) -> nn.Module:
    """Train; returns, and stores now and then, the model with its averaged weights."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3)
    averaged = torch.optim.swa_utils.AveragedModel(
        model, avg_fn=lambda mean, new, count: mean + (new - mean) * (1 - min(KEEP, count / 10)),
        use_buffers=True,
    )  # fmt: skip
    model.train()
    begun, count, mean, shown = time.process_time(), 0, 0.0, 0.0
    while (done := (time.process_time() - begun) / (60 * minutes)) < 1:
        warm = min(1.0, (count + 1) / 50)
        optimiser.param_groups[0]["lr"] = (
            rate * warm * max(0.01, 0.5 * (1 + math.cos(math.pi * done)))
        )
        loss = step(model, rng)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        averaged.update_parameters(model)
        count += 1
        mean += (loss.item() - mean) * max(0.02, 1 / count)
        if done - shown > 0.05:
            shown = done
            print(f"{done:4.0%} step {count} loss {mean:.4f}", flush=True)
            save_half(averaged.module, path)
    save_half(averaged.module, path)
    return averaged.module.eval()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="facellm.faces.train", description=__doc__)
    parser.add_argument("stage", choices=("detector", "landmarks"))
    parser.add_argument("--corpus", type=Path, nargs="+", required=True)
    parser.add_argument("--negatives", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="weights to continue from")
    parser.add_argument("--detector", type=Path, help="landmarks: learn to refuse its mistakes")
    parser.add_argument("--minutes", type=float, default=12.0, help="of processor time")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    torch.manual_seed(args.seed)
    try:
        tiles = evenly([read_tiles(corpus) for corpus in args.corpus])
        negatives = read_negatives(args.negatives)
        print(f"{len(tiles)} faces, {len(negatives)} pictures without", flush=True)
        model: nn.Module
        if args.stage == "detector":
            model, step = Detector(), detector_step(tiles, negatives)
        else:
            mistakes = None
            if args.detector:
                rng = np.random.default_rng(args.seed)
                detector = load_half(Detector(), args.detector).eval()
                mistakes = find_mistakes(detector, tiles, negatives, MISTAKES, rng)
                print(f"{len(mistakes)} mistakes of the detector", flush=True)
            model, step = Landmarker(), landmark_step(tiles, negatives, mistakes)
            start_at_mean(model)
        if args.init:
            load_half(model, args.init)
        path = args.out / f"{args.stage}.safetensors"
        train(model, step, args.minutes, args.rate, args.seed, path)
    except FaceLLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"saved {path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


def evenly(corpora: list[list[Tile]]) -> list[Tile]:
    """Join corpora, the smaller ones repeated, so that each is drawn about as often."""
    largest = max(len(tiles) for tiles in corpora)
    return [tile for tiles in corpora for tile in tiles * round(largest / len(tiles))]


def start_at_mean(model: Landmarker) -> None:
    """Begin with the mean face in the middle of the crop instead of all points in its centre."""
    shape = torch.from_numpy(MEAN_SHAPE).float()
    shape = shape - (shape.amin(0) + shape.amax(0)) / 2
    with torch.no_grad():
        model.points.bias.copy_((shape / shape.abs().max() / 1.3).flatten())


if __name__ == "__main__":
    sys.exit(main())
