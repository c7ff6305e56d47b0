"""Rendered faces with exact labels, made as they are asked for; also pairs that differ in one unit.

Frame n is drawn from the seed and n alone and shows person `start_identity + n % identities`, as in
`python -m data_engine.rig`. Pictures are written below the corpus folder as
`rig/5f2c01ab/000012.jpg`, where the folder stands for the options, so that several rigs fit into
one corpus; the other half of a pair is `000012_AU4.jpg`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from data_engine.rig import RIG_UNITS, RigSpec, load_head, random_spec, toggle
from data_engine.rig import Rig as Renderer
from data_engine.rig.corpus import jpeg, sample_of, split_of
from data_engine.sources.base import Source, hash_of, write_once
from data_engine.step import Item, Reject
from facellm.core.facs import PRESENT
from facellm.core.sample import Sample

PROCEDURAL = Path("procedural")


class Rig(Source):
    """The rig as a source; licence and source of each sample are those of the head.

    With `interventions` every frame is followed at once by its counterpart: the same person, pose,
    light and background with one action unit switched on or off and every other label as it was
    (the emotion goes where the unit belongs to it). Both bear the same `pair`.
    """

    name: ClassVar[str] = "rig"
    licence: ClassVar[str] = "as the head's"
    consent: ClassVar[str] = "rendered, no person is shown"

    path: Path = PROCEDURAL
    """Folder of ICT-FaceKit, or `procedural` for the simple built-in head."""
    count: int = Field(default=100, ge=1)
    """Frames, without counterparts."""
    seed: int = Field(default=0, ge=0)
    """Another seed gives other frames of the same persons."""
    identities: int = Field(default=100, ge=1)
    """Different persons."""
    start_identity: int = Field(default=0, ge=0)
    """Number of the first person: corpora that must not share persons start apart."""
    size: int = Field(default=128, ge=32)
    """Side of the pictures in pixels."""
    interventions: bool = False
    """Add to each frame its counterpart with one unit switched."""

    def check_path(self) -> None:
        if self.path != PROCEDURAL:
            super().check_path()

    def read(self, out: Path) -> Iterator[Item | Reject]:
        renderer = Renderer(load_head(self.path), self.size)
        drawn = self.model_dump_json(
            include={"path", "seed", "identities", "start_identity", "size"}
        )
        folder = f"rig/{hash_of(drawn.encode())[:8]}"
        for number in range(self.count):
            identity = self.start_identity + number % self.identities
            if not self.wants(split_of(identity)):
                continue
            rng = np.random.default_rng((self.seed, number))
            spec = random_spec(rng, identity)
            name = f"{folder}/{number:06d}"
            pair = name if self.interventions else None
            yield _rendered(renderer, spec, f"{name}.jpg", out, pair)
            if self.interventions:
                unit, other = _switched(spec, rng)
                yield _rendered(renderer, other, f"{name}_AU{unit}.jpg", out, pair)


def _rendered(renderer: Renderer, spec: RigSpec, name: str, out: Path, pair: str | None) -> Sample:
    frame = renderer.render(spec)
    data = jpeg(frame.image)
    write_once(out / name, data)
    sample = sample_of(frame, renderer, spec.identity, name, data)
    return sample.model_copy(update={"pair": pair})


def _switched(spec: RigSpec, rng: np.random.Generator) -> tuple[int, RigSpec]:
    """A unit and the spec with that unit alone switched: off where it is present, else on."""
    for unit in rng.permutation(RIG_UNITS):
        au = int(unit)
        present = spec.action_units.get(au, 0.0) >= PRESENT
        other = toggle(spec, au, 0.0 if present else float(rng.uniform(3.0, 5.0)))
        before, after = dict(spec.action_units), dict(other.action_units)
        before.pop(au, None)
        after.pop(au, None)
        if before == after:  # some units take others along, as AU27 parts the lips
            return au, other
    raise AssertionError("AU9 conflicts with no other unit and can always be switched")
