"""rigbench: a benchmark that anyone can make, without licensed data.

    python -m eval.rigbench OUT [--head FOLDER]

renders, from fixed seeds, people that the corpora for training never show (identities from
900,000 on):

    single/    faces with all labels: units, intensity, expression, pose
    pairs/     the same picture with one action unit off and on (pairs.jsonl links them)
    pose/      the same face at seven yaw angles
    fairness/  the same face in other skin tones, ages and lights (groups of the labels)

Pictures of one face under several conditions name their set in `pair` of the sample.

`procedural` is the head that needs no files; with ICT-FaceKit the faces are far more real. Results
must say which head and which version they used: numbers of different ones do not compare.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from tqdm import tqdm

from data_engine.rig import Rig, load_head, random_spec, toggle
from data_engine.rig.corpus import jpeg, sample_of
from data_engine.rig.frame import RigFrame
from data_engine.rig.groups import in_groups
from data_engine.rig.spec import RigSpec
from eval.pairs import Pair
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Sample, write_samples

VERSION = 1
FIRST_IDENTITY = 900_000
SIZE = 160
STRONG = 4.0
"""Intensity of a unit that is switched on."""
YAWS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)


@dataclass(frozen=True)
class Plan:
    """How many faces; the defaults are rigbench, fewer are for tests."""

    single: int = 600
    people: int = 60
    """In `single`."""
    pair_people: int = 40
    pair_units: tuple[int, ...] = PROTOCOLS["disfa12"].units
    pose_faces: int = 30
    fair_faces: int = 48


DEFAULT = Plan()


class Shot(NamedTuple):
    """One picture to render."""

    name: str
    spec: RigSpec
    groups: dict[str, str]
    pair: str | None = None
    """The set of pictures of one face that it belongs to."""


def single(plan: Plan) -> list[Shot]:
    """Random faces."""
    shots = []
    for n in range(plan.single):
        rng = np.random.default_rng((VERSION, 1, n))
        shots.append(Shot(f"{n:04}", random_spec(rng, FIRST_IDENTITY + n % plan.people), {}))
    return shots


def pairs(plan: Plan) -> tuple[list[Shot], list[Pair]]:
    """Every unit off and on in a random face of each person; the pairs hold names of shots."""
    shots, linked = [], []
    for person in range(plan.pair_people):
        for unit in plan.pair_units:
            rng = np.random.default_rng((VERSION, 2, person, unit))
            spec = random_spec(rng, FIRST_IDENTITY + 1000 + person)
            name = f"{person:02}-au{unit:02}"
            off, on = (toggle(spec, unit, strength) for strength in (0.0, STRONG))
            shots += [Shot(f"{name}-off", off, {}, name), Shot(f"{name}-on", on, {}, name)]
            linked.append(Pair(unit, f"{name}-off", f"{name}-on"))
    return shots, linked


def poses(plan: Plan) -> list[Shot]:
    """The same face turned."""
    shots = []
    for n in range(plan.pose_faces):
        rng = np.random.default_rng((VERSION, 3, n))
        spec = random_spec(rng, FIRST_IDENTITY + 2000 + n)
        for yaw in YAWS:
            turned = replace(spec, yaw=yaw, pitch=0.0, roll=0.0, gaze=(0.0, 0.0))
            shots.append(Shot(f"{n:02}-{yaw:+.1f}", turned, {"yaw": f"{yaw:+.1f}"}, f"{n:02}"))
    return shots


def fairness(plan: Plan) -> list[Shot]:
    """The same face in other skin tones, ages and lights, one of them changed at a time."""
    shots = []
    for n in range(plan.fair_faces):
        rng = np.random.default_rng((VERSION, 4, n))
        spec = random_spec(rng, FIRST_IDENTITY + 3000 + n)
        shots += [
            Shot(f"{n:02}-{group}", one, {label: group}, f"{n:02}")
            for label, group, one in in_groups(spec)
        ]
    return shots


def make(out: Path, head: str = "procedural", size: int = SIZE, plan: Plan = DEFAULT) -> Path:
    """Render all parts into `out`; what is there already is left alone.

    Raises:
        FaceLLMError: a head that cannot be loaded, or a folder made with another head, size,
            version or plan.
    """
    loaded = load_head(head)
    stamp = {"rigbench": VERSION, "head": loaded.name, "size": size}
    if plan != DEFAULT:
        stamp["plan"] = json.loads(json.dumps(asdict(plan)))
    path = out / "rigbench.json"
    if path.is_file() and json.loads(path.read_text()) != stamp:
        raise FaceLLMError(
            f"{out} holds a rigbench of {path.read_text().strip()}, not of {json.dumps(stamp)}; "
            "choose another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stamp) + "\n")
    rig = Rig(loaded, size)
    shots, linked = pairs(plan)
    render(rig, single(plan), out / "single")
    render(rig, shots, out / "pairs", linked)
    render(rig, poses(plan), out / "pose")
    render(rig, fairness(plan), out / "fairness")
    return out


def render(rig: Rig, shots: list[Shot], out: Path, linked: Sequence[Pair] = ()) -> None:
    """Write one part as a corpus with its pairs; `samples.jsonl` last, which says it is whole."""
    if (out / "samples.jsonl").is_file():
        return
    (out / "images").mkdir(parents=True, exist_ok=True)
    samples: dict[str, Sample] = {}
    for shot in tqdm(shots, desc=out.name, unit="face", disable=None):
        frame = rig.render(shot.spec)
        data = jpeg(frame.image)
        file = f"images/{shot.name.replace(' ', '_')}.jpg"
        (out / file).write_bytes(data)
        samples[shot.name] = _sample(rig, frame, shot, file, data)
    if linked:
        rows = ({"unit": u, "off": samples[a].id, "on": samples[b].id} for u, a, b in linked)
        (out / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_samples(out / "samples.jsonl", samples.values())


def _sample(rig: Rig, frame: RigFrame, shot: Shot, file: str, data: bytes) -> Sample:
    sample = sample_of(frame, rig, shot.spec.identity, file, data)
    face = sample.faces[0]
    labels = face.labels.model_copy(update={"groups": shot.groups or None})
    face = face.model_copy(update={"labels": labels})
    return sample.model_copy(update={"faces": [face], "split": "test", "pair": shot.pair})


def main(
    out: Path,
    head: Annotated[str, typer.Option(help="ICT-FaceKit folder, or procedural.")] = "procedural",
) -> None:
    """Render rigbench into OUT."""
    with one_line("rigbench"):
        make(out, head)


if __name__ == "__main__":
    typer.run(main)
