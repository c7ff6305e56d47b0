"""Completions that play the rewards: each gets what it is worth, and no trick pays.

`hacks.yaml` holds the texts, the plain answers they dress up, and the rewards they must get.
"""

from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from rl_samples import full, sample

from facellm.core.recipe import check, load
from facellm.core.sample import FaceLabels
from rl.recipe import Recipe
from rl.rewards import Truth
from rl.rubric import Rubric

CASES = yaml.safe_load(Path(__file__).with_name("hacks.yaml").read_text(encoding="utf-8"))
HACKS = [hack for group in CASES["hacks"].values() for hack in group]
SHIPPED = Path(__file__).parents[2] / "rl/recipes/rig.yaml"
OTHERS = {"length", "repetition", "looked", "judge"}
"""Rewards that do not read what is said by themselves."""
EVERY = check(
    Rubric,
    dict.fromkeys(Rubric.model_fields.keys() - OTHERS, 1.0),
    "every reward that reads what is said",
)
OF_A_TASK = ("affective_tree", "caption_facts", "choice", "attributes", "age")


def labels(face: dict[str, Any]) -> FaceLabels:
    units = {key: float(value) for key, value in face.items() if key.startswith("AU")}
    if "emotion" in face:
        return full(face["emotion"], **units)
    return FaceLabels.model_validate(face)


def rewards(case: dict[str, Any], text: str, rubric: Rubric) -> dict[str, float]:
    plain = CASES["plain"][case.get("of")] if "of" in case else case
    face = sample(labels(CASES["faces"][plain["face"]]))
    row = Truth(task=plain["task"], sample=face).dump()
    given = {r.name: r.function(completions=[text], truth=[row])[0] for r in rubric.rewards()}
    return {name: value for name, value in given.items() if value is not None}


def written(case: dict[str, Any]) -> str:
    return Template(case["text"]).substitute(CASES["words"])


@pytest.mark.parametrize("case", [*CASES["plain"].values(), *HACKS], ids=lambda c: c.get("why"))
def test_each_gets_what_it_is_worth(case):
    got = rewards(case, written(case), EVERY)
    assert case["gets"].keys() <= got.keys()
    for name, value in got.items():
        assert value == pytest.approx(case["gets"].get(name, 0.0), abs=6e-4), name


@pytest.mark.parametrize("hack", HACKS, ids=lambda hack: hack["why"])
def test_no_trick_pays(hack):
    plain = CASES["plain"][hack["of"]]
    shipped = load(Recipe, SHIPPED).rubric
    tricked, honest = (rewards(hack, written(case), shipped) for case in (hack, plain))
    parts = [[got.get(r.name) for r in shipped.rewards()] for got in (tricked, honest)]
    more, less = (shipped.total(own) for own in parts)
    assert more <= less + 1e-9
    for name in OF_A_TASK:
        assert hack["gets"].get(name, 0.0) <= plain["gets"].get(name, 0.0)


def test_there_are_a_hundred_of_them():
    assert len(HACKS) >= 100
    texts = [(hack["of"], written(hack)) for hack in HACKS]
    assert len(set(texts)) == len(texts)
