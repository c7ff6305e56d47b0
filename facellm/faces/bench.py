r"""Measure finders: what they find and miss, how far off their points are, how long they take.

    python -m facellm.faces.bench --photos DIR --corpus FACES RIG \
        --finder builtin mediapipe --finder-model MODELS

Both are optional: `--photos` holds a `labels.csv` with `path,n_faces`, the `--corpus` folders a
`samples.jsonl` with points, of which the persons of the test split are measured.
"""

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.regions import face_scale
from facellm.core.sample import Face, Sample, read_samples
from facellm.faces.crop import SAME_FACE, overlap
from facellm.faces.finder import FINDERS, Finder, load_finder
from facellm.faces.image import load_image

FAILED = 0.1
"""Points further off than this share of the inter-ocular distance count as failed."""


class Agreement(NamedTuple):
    """A finder against labelled faces."""

    labelled: int
    found: int
    false: int
    """Found faces that answer no labelled one."""
    errors: list[float]
    """Mean distance of the 68 points over the inter-ocular distance (NME), one a found face."""
    milliseconds: float
    """Median time of a picture, loading not counted."""


def point_error(face: Face, truth: Face) -> float:
    """Mean distance of the 68 points in units of the true inter-ocular distance (NME)."""
    found, true = np.array(face.points), np.array(truth.points)
    return float(np.linalg.norm(found - true, axis=1).mean() / max(face_scale(true), 1e-6))


def compare(found: list[Face], labelled: list[Face]) -> list[tuple[Face, Face]]:
    """Pair found with labelled faces, the largest overlap first, each used once."""
    pairs = [(overlap(f.box, t.box), i, j) for i, f in enumerate(found)
             for j, t in enumerate(labelled)]  # fmt: skip
    used_found, used_true, matched = set(), set(), []
    for share, i, j in sorted(pairs, reverse=True):
        if share >= SAME_FACE and i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
            matched.append((found[i], labelled[j]))
    return matched


def timed(finder: Finder, image: Image.Image) -> tuple[list[Face], float]:
    """Find faces; returns them with the milliseconds it took."""
    begun = time.perf_counter()
    faces = finder.find(image)
    return faces, 1000 * (time.perf_counter() - begun)


def agreement(finder: Finder, corpus: Path, samples: list[Sample]) -> Agreement:
    """Run a finder over labelled samples; faces whose labelled points are guesses are left out."""
    labelled = found = false = 0
    errors: list[float] = []
    times: list[float] = []
    for sample in samples:
        truth = [face for face in sample.faces if face.points and face.confidence >= 0.6]
        faces, spent = timed(finder, load_image(corpus / sample.image))
        matched = compare(faces, truth)
        labelled, found = labelled + len(truth), found + len(matched)
        false += len(faces) - len(matched)
        errors += [point_error(face, true) for face, true in matched]
        times.append(spent)
    return Agreement(labelled, found, false, errors, float(np.median(times)) if times else 0.0)


def photo_table(finders: list[Finder], folder: Path) -> list[str]:
    """Counted against found faces, a line a photograph."""
    lines = ["| photo | pixels | counted | " + " | ".join(f.name for f in finders) + " |"]
    lines.append("|---" * (3 + len(finders)) + "|")
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            image = load_image(folder / row["path"])
            cells = [f"{image.width} × {image.height}", row["n_faces"] or "many"]
            for finder in finders:
                faces, spent = timed(finder, image)
                scores = " ".join(f"{face.confidence:.2f}" for face in faces)
                cells.append(f"{len(faces)} ({scores}) {spent:.0f} ms" if faces else
                             f"0, {spent:.0f} ms")  # fmt: skip
            lines.append(f"| {Path(row['path']).name} | " + " | ".join(cells) + " |")
    return lines


def corpus_table(finders: list[Finder], corpus: Path, split: str, most: int) -> list[str]:
    """Detection rate and point error on the persons of a split, a line a finder."""
    samples = [s for s in read_samples(corpus) if s.split == split][:most]
    lines = [
        f"{corpus.name}, {len(samples)} {split} pictures",
        "",
        "| finder | found | false | NME mean | median | p95 | failed | ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for finder in finders:
        result = agreement(finder, corpus, samples)
        error = np.array(result.errors or [np.nan])
        lines.append(
            f"| {finder.name} | {result.found}/{result.labelled} | {result.false} "
            f"| {error.mean():.4f} | {np.median(error):.4f} | {np.percentile(error, 95):.4f} "
            f"| {(error > FAILED).mean():.1%} | {result.milliseconds:.1f} |"
        )
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="facellm.faces.bench", description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--split", default="test")
    parser.add_argument("--most", type=int, default=1000, help="pictures of a corpus")
    parser.add_argument("--finder", nargs="+", choices=FINDERS, default=["builtin"])
    parser.add_argument("--finder-model", type=Path, help="model files of the mediapipe finder")
    parser.add_argument("--weights", type=Path, help="weights of the built-in finder")
    args = parser.parse_args(arguments)
    models = {"builtin": args.weights, "mediapipe": args.finder_model}
    try:
        finders = [load_finder(name, models[name]) for name in args.finder]
        for finder in finders:  # the first picture pays for lazy set-up
            finder.find(Image.new("RGB", (640, 480)))
        if args.photos:
            print("\n".join(photo_table(finders, args.photos)), end="\n\n")
        for corpus in args.corpus:
            print("\n".join(corpus_table(finders, corpus, args.split, args.most)), end="\n\n")
    except FaceLLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
