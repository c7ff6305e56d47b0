"""rigbench: a benchmark that anyone can make, without licensed data.

    python -m eval.rigbench OUT [--head FOLDER]

renders, from fixed seeds, people that the corpora for training never show (identities from
900,000 on):

    single/    faces with all labels: units, intensity, expression, pose
    pairs/     the same picture with one action unit off and on (pairs.jsonl links them)
    pose/      the same face at seven yaw angles
    fairness/  the same face in other skin tones, ages and lights (groups of the labels)

`procedural` is the head that needs no files; with ICT-FaceKit the faces are far more real. Results
must say which head and which version they used: numbers of different ones do not compare.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from tqdm import tqdm

from data_engine.rig import Rig, load_head, random_spec, toggle
from data_engine.rig.corpus import jpeg, sample_of
from data_engine.rig.frame import RigFrame
from data_engine.rig.spec import Light, RigSpec
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Sample, write_samples

VERSION = 1
FIRST_IDENTITY = 900_000
SIZE = 160
STRONG = 4.0
"""Intensity of a unit that is switched on."""
SINGLE, PEOPLE = 600, 60
PAIR_PEOPLE = 40
POSE_FACES = 30
YAWS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)
FAIR_FACES = 48
TONES = {"tone 1-2": 0.5, "tone 4-5": 3.5, "tone 6-7": 5.5, "tone 9-10": 8.5}
AGES = {"young": 0.0, "old": 1.0}
LIGHTS = {
    "front light": Light(pitch=0.3, yaw=0.0, key=0.5, fill=0.5),
    "side light": Light(pitch=0.2, yaw=1.2, key=0.8, fill=0.1),
    "dim light": Light(pitch=0.6, yaw=0.4, key=0.5, fill=0.3, brightness=0.28),
}


class Shot(NamedTuple):
    """One picture to render."""

    name: str
    spec: RigSpec
    groups: dict[str, str]


class Pair(NamedTuple):
    """Two pictures that differ in one unit."""

    unit: int
    off: str
    on: str
    """Names of the pictures."""


def single() -> Iterator[Shot]:
    """Random faces of `PEOPLE` people."""
    for n in range(SINGLE):
        rng = np.random.default_rng((VERSION, 1, n))
        yield Shot(f"{n:04}", random_spec(rng, FIRST_IDENTITY + n % PEOPLE), {})


def pairs() -> tuple[list[Shot], list[Pair]]:
    """Every unit of DISFA off and on in a random face of each person."""
    shots, linked = [], []
    for person in range(PAIR_PEOPLE):
        for unit in PROTOCOLS["disfa12"].units:
            rng = np.random.default_rng((VERSION, 2, person, unit))
            spec = random_spec(rng, FIRST_IDENTITY + 1000 + person)
            off, on = toggle(spec, unit, 0.0), toggle(spec, unit, STRONG)
            name = f"{person:02}-au{unit:02}"
            shots += [Shot(f"{name}-off", off, {}), Shot(f"{name}-on", on, {})]
            linked.append(Pair(unit, f"{name}-off", f"{name}-on"))
    return shots, linked


def poses() -> Iterator[Shot]:
    """The same face turned."""
    for n in range(POSE_FACES):
        rng = np.random.default_rng((VERSION, 3, n))
        spec = random_spec(rng, FIRST_IDENTITY + 2000 + n)
        for yaw in YAWS:
            turned = replace(spec, yaw=yaw, pitch=0.0, roll=0.0, gaze=(0.0, 0.0))
            yield Shot(f"{n:02}-{yaw:+.1f}", turned, {"yaw": f"{yaw:+.1f}"})


def fairness() -> Iterator[Shot]:
    """The same face in other skin tones, ages and lights, one of them changed at a time."""
    for n in range(FAIR_FACES):
        rng = np.random.default_rng((VERSION, 4, n))
        spec = replace(random_spec(rng, FIRST_IDENTITY + 3000 + n), grey=False)
        for group, tone in TONES.items():
            yield Shot(f"{n:02}-{group}", replace(spec, tone=tone), {"skin": group})
        for group, age in AGES.items():
            yield Shot(f"{n:02}-{group}", replace(spec, age=age), {"age": group})
        for group, light in LIGHTS.items():
            yield Shot(f"{n:02}-{group}", replace(spec, light=light), {"light": group})


def make(out: Path, head: str = "procedural", size: int = SIZE) -> Path:
    """Render all parts into `out`; what is there already is left alone.

    Raises:
        FaceLLMError: a head that cannot be loaded, or a folder made with another head or version.
    """
    stamp = {"rigbench": VERSION, "head": load_head(head).name, "size": size}
    path = out / "rigbench.json"
    if path.is_file() and json.loads(path.read_text()) != stamp:
        raise FaceLLMError(
            f"{out} holds a rigbench of {path.read_text().strip()}, not of {json.dumps(stamp)}; "
            "choose another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stamp) + "\n")
    rig = Rig(load_head(head), size)
    shots, linked = pairs()
    render(rig, single(), out / "single", SINGLE)
    names = render(rig, shots, out / "pairs", len(shots))
    if names:
        lines = [
            json.dumps({"unit": pair.unit, "off": names[pair.off], "on": names[pair.on]}) + "\n"
            for pair in linked
        ]
        (out / "pairs" / "pairs.jsonl").write_text("".join(lines))
    render(rig, poses(), out / "pose", POSE_FACES * len(YAWS))
    changes = len(TONES) + len(AGES) + len(LIGHTS)
    render(rig, fairness(), out / "fairness", FAIR_FACES * changes)
    return out


def render(rig: Rig, shots: Iterator[Shot] | list[Shot], out: Path, total: int) -> dict[str, str]:
    """Write one part as a corpus, its `samples.jsonl` last; returns name → sample id."""
    if (out / "samples.jsonl").is_file():
        return {}
    (out / "images").mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    names: dict[str, str] = {}
    for shot in tqdm(shots, total=total, desc=out.name, unit="face", disable=None):
        frame = rig.render(shot.spec)
        data = jpeg(frame.image)
        file = f"images/{shot.name.replace(' ', '_')}.jpg"
        (out / file).write_bytes(data)
        sample = _sample(rig, frame, shot, file, data)
        samples.append(sample)
        names[shot.name] = sample.id
    write_samples(out / "samples.jsonl", samples)
    return names


def _sample(rig: Rig, frame: RigFrame, shot: Shot, file: str, data: bytes) -> Sample:
    sample = sample_of(frame, rig, shot.spec.identity, file, data)
    face = sample.faces[0]
    labels = face.labels.model_copy(update={"groups": shot.groups or None})
    face = face.model_copy(update={"labels": labels})
    return sample.model_copy(update={"faces": [face], "split": "test"})


def main(
    out: Path,
    head: Annotated[str, typer.Option(help="ICT-FaceKit folder, or procedural.")] = "procedural",
) -> None:
    """Render rigbench into OUT."""
    try:
        make(out, head)
    except FaceLLMError as error:
        typer.echo(f"rigbench: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
