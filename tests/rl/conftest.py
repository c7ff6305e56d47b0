"""A debug-size model with random weights and a corpus of noise: the real classes on real files."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rl_samples import full

from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples
from facellm.model import debug_checkpoint

SIDE = 64
_GRID = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), -1).reshape(-1, 2)


def write_corpus(folder: Path, labels: list[FaceLabels], faces: int = 1) -> Path:
    """Pictures of noise with faces at random places; every fourth subject is held out."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(len(labels))
    samples = []
    for i, known in enumerate(labels):
        image = Image.fromarray(rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8))
        image.save(folder / "images" / f"{i}.png")
        placed = [_GRID * rng.uniform(20, 30) + rng.uniform(2, 30, 2) for _ in range(faces)]
        samples.append(
            Sample(
                id=hashlib.sha256(image.tobytes()).hexdigest()[:16],
                image=f"images/{i}.png",
                faces=[
                    Face(box=(0, 0, 9, 9), points=points.tolist(), labels=known)
                    for points in placed
                ],
                provenance=Provenance(source="test", licence="none", subject_id=f"s{i % 8}"),
                split="test" if i % 4 == 3 else "train",
            )
        )
    write_samples(folder / "samples.jsonl", samples)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debug_checkpoint(tmp_path_factory.mktemp("debug"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    smiles = [full("happiness", AU6=3.0, AU12=float(i % 3 + 2)) for i in range(8)]
    return write_corpus(tmp_path_factory.mktemp("corpus") / "smiles", smiles)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces in each picture."""
    frowns = [full("anger", AU4=3.0) for _ in range(8)]
    return write_corpus(tmp_path_factory.mktemp("corpus") / "pairs", frowns, faces=2)


@pytest.fixture(scope="session")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Emotions alone."""
    labels = [FaceLabels(emotion="fear") for _ in range(4)]
    return write_corpus(tmp_path_factory.mktemp("corpus") / "emotions", labels)
