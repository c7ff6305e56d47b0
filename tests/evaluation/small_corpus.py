"""A corpus of labelled faces without meaning: enough to ask every task about."""

import random
from pathlib import Path
from typing import Any

from PIL import Image

from facellm.core.emotions import COMPOUNDS, EMONET40, EMOTIONS
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Event, Face, FaceLabels, Provenance, Sample, write_samples

SIDE = 64


def _more(n: int) -> dict[str, Any]:
    """Labels of the other tasks; drawn apart, so that emotions and units stay as they were."""
    rng = random.Random(f"more {n}")
    found = {
        "valence": rng.uniform(-1, 1),
        "arousal": rng.uniform(-1, 1),
        "pose": tuple(rng.uniform(-0.6, 0.6) for _ in range(3)),
        "age": float(rng.randint(1, 90)),
        "attributes": {name: rng.random() < 0.5 for name in ("beard", "hat", "bangs")},
        "quality": rng.random(),
        "authentic": rng.random() < 0.5,
    }
    onsets = sorted(round(rng.uniform(0, 4), 1) for _ in range(3))
    events = [
        Event(action_unit=u, onset=t, apex=t + 0.5, offset=t + 1, intensity=rng.randint(2, 5))
        for u, t in zip(rng.sample(PROTOCOLS["rig23"].units, 3), onsets, strict=True)
    ]
    return found | {
        "gaze": (rng.uniform(-0.4, 0.4), rng.uniform(-0.5, 0.5)),
        "expression": rng.choice(EMONET40 if n % 2 else COMPOUNDS),
        "events": tuple(events),
    }


def small_corpus(folder: Path, count: int = 60, subjects: int = 12) -> Path:
    """`count` pictures, five in six in the test split; every face is fully labelled."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    points = [(rng.uniform(15, 50), rng.uniform(15, 50)) for _ in range(68)]
    samples = []
    for n in range(count):
        name = f"p{n:03}.png"
        Image.new("RGB", (SIDE, SIDE), (n * 4 % 256, 90, 60)).save(folder / name)
        units = {u: float(rng.choice((0, 0, 0, 1, 2, 3, 4))) for u in PROTOCOLS["rig23"].units}
        emotion = rng.choice(EMOTIONS)
        labels = FaceLabels(
            emotion=emotion, action_units=units, groups={"light": "ab"[n % 2]}, **_more(n)
        )
        samples.append(
            Sample(
                id=f"s{n:03}",
                image=name,
                faces=[Face(box=(10, 10, 54, 54), points=points, labels=labels)],
                provenance=Provenance(source="t", licence="none", subject_id=f"u{n % subjects}"),
                split="train" if n % 6 == 5 else "test",
            )
        )
    write_samples(folder / "samples.jsonl", samples)
    return folder
