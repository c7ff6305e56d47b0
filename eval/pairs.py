"""Pictures that belong together: pairs that differ in one action unit, and other linked sets."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample


class Pair(NamedTuple):
    """Two pictures that differ in one action unit."""

    unit: int
    off: str
    """Id of the sample without the unit."""
    on: str


def read_pairs(corpus: Path) -> list[Pair]:
    """The lines of `pairs.jsonl`, such as `{"unit": 12, "off": "<id>", "on": "<id>"}`.

    Raises:
        FaceLLMError: no such file, or a line that is no pair.
    """
    path = corpus / "pairs.jsonl"
    if not path.is_file():
        raise FaceLLMError(f"no pairs.jsonl in {corpus}; expected the pairs of a rigbench")
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            pairs.append(Pair(int(row["unit"]), str(row["off"]), str(row["on"])))
        except (ValueError, KeyError, TypeError) as error:
            raise FaceLLMError(f"{path}:{number} is no pair of unit, off and on: {error}") from None
    return pairs


def sets_of(corpus: Path, samples: Iterable[Sample]) -> dict[str, str]:
    """Sample id → name of the set it belongs to, from `pair` and from `pairs.jsonl`.

    Samples that stand alone are not in it. A picture that is in several pairs makes them one set.
    """
    sets = {sample.id: f"set {sample.pair}" for sample in samples if sample.pair is not None}
    if not (corpus / "pairs.jsonl").is_file():
        return sets
    for _, off, on in read_pairs(corpus):
        name = sets.setdefault(off, f"pair {off}")
        other = sets.setdefault(on, name)
        if other != name:
            sets = {key: name if old == other else old for key, old in sets.items()}
    return sets
