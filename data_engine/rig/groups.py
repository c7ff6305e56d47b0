"""The same face in other skin tones, ages and lights, one of them changed at a time.

    python -m data_engine.rig.groups HEAD --out DIR --faces 200

Such sets show whether a model reads a group worse where nothing but the group differs, and teach it
not to. Pictures of one set name it in `pair`, and what was changed in the labels' `groups`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from tqdm import tqdm

from data_engine.rig.corpus import jpeg, sample_of
from data_engine.rig.load import load_head
from data_engine.rig.render import Rig
from data_engine.rig.sampling import random_spec
from data_engine.rig.spec import Light, RigSpec
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.sample import Sample, write_samples

TONES = {"tone 1-2": 0.5, "tone 4-5": 3.5, "tone 6-7": 5.5, "tone 9-10": 8.5}
AGES = {"young": 0.0, "old": 1.0}
LIGHTS = {
    "front light": Light(pitch=0.3, yaw=0.0, key=0.5, fill=0.5),
    "side light": Light(pitch=0.2, yaw=1.2, key=0.8, fill=0.1),
    "dim light": Light(pitch=0.6, yaw=0.4, key=0.5, fill=0.3, brightness=0.28),
}


class Changed(NamedTuple):
    """A face in one group."""

    label: str
    """What is changed: skin, age or light."""
    group: str
    spec: RigSpec


def in_groups(spec: RigSpec) -> list[Changed]:
    """A face in every group of every label; all else is that of `spec`, in colour."""
    spec = replace(spec, grey=False)
    return [
        *(Changed("skin", group, replace(spec, tone=tone)) for group, tone in TONES.items()),
        *(Changed("age", group, replace(spec, age=age)) for group, age in AGES.items()),
        *(Changed("light", group, replace(spec, light=light)) for group, light in LIGHTS.items()),
    ]


def render_sets(
    head: str, out: Path, faces: int, start_identity: int, seed: int, size: int
) -> Iterator[int]:
    """Render one face of each of `faces` people in all groups; yields the sets done so far.

    Splits are those of `data_engine.rig`; `samples.jsonl` is written last.

    Raises:
        FaceLLMError: a head that cannot be loaded, or numbers that make no corpus.
    """
    if faces < 1 or start_identity < 0 or seed < 0 or size < 32:
        raise FaceLLMError(
            f"{faces} faces from person {start_identity}, seed {seed}, size {size}; expected at "
            "least 1, 0, 0 and 32"
        )
    rig = Rig(load_head(head), size)
    (out / "images").mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    for n in range(faces):
        identity = start_identity + n
        spec = random_spec(np.random.default_rng((seed, n)), identity)
        for changed in in_groups(spec):
            frame = rig.render(changed.spec)
            data = jpeg(frame.image)
            name = f"images/{n:05}-{changed.group.replace(' ', '_')}.jpg"
            (out / name).write_bytes(data)
            sample = sample_of(frame, rig, identity, name, data)
            (face,) = sample.faces
            labels = face.labels.model_copy(update={"groups": {changed.label: changed.group}})
            face = face.model_copy(update={"labels": labels})
            samples.append(sample.model_copy(update={"faces": [face], "pair": f"{n:05}"}))
        yield n + 1
    write_samples(out / "samples.jsonl", samples)


def main(
    head: Annotated[str, typer.Argument(help="Folder of ICT-FaceKit, or 'procedural'.")],
    out: Annotated[Path, typer.Option(help="Folder to write; made if missing.")],
    faces: Annotated[int, typer.Option(help="Sets, each of another person.")] = 200,
    start_identity: Annotated[int, typer.Option(help="Number of the first person.")] = 5000,
    seed: Annotated[int, typer.Option(help="Same seed, same corpus.")] = 0,
    size: Annotated[int, typer.Option(help="Image side in pixels.")] = 128,
) -> None:
    """Render sets of pictures that differ only in skin tone, age or light."""
    with one_line("error"):
        sets = render_sets(head, out, faces, start_identity, seed, size)
        for _ in tqdm(sets, total=faces, unit="face", disable=None):
            pass


if __name__ == "__main__":
    typer.run(main)
