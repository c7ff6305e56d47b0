"""The paired difference in macro-F1 and in the mean F1 of action units, against other hands."""

import json
from itertools import product

import numpy as np
import pytest
import yaml
from sklearn.metrics import f1_score

from eval.compare import compare
from eval.f1_differences import f1_difference
from eval.run import run
from facellm.core.statistics import expanded_tail, subject_picks
from facellm.tasks import TASKS
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.base import Scored

CLASSES = ("anger", "fear", "happiness")


def rows_of(task, golds, answers, subjects):
    rows = {}
    for n, (gold, answer, subject) in enumerate(zip(golds, answers, subjects, strict=True)):
        rows[str(n)] = {
            "subject_id": subject,
            "target": json.dumps(gold),
            "answer": None if answer is None else json.dumps(answer),
            "value": float(gold == answer),
            "parts": {},
        }
    return rows


@pytest.fixture(scope="module")
def people():
    """Six people with five faces each: gold, what A says, what B says, whose face it is."""
    rng = np.random.default_rng(4)
    gold = rng.choice(CLASSES, 30)
    a = np.where(rng.random(30) < 0.4, gold, rng.choice((*CLASSES, "surprise"), 30))
    b = np.where(rng.random(30) < 0.8, gold, rng.choice(CLASSES, 30))
    return gold, a, b, np.repeat(np.arange(6), 5)


def macro(gold, said):
    """Macro-F1, class by class; scikit-learn's takes seconds for a thousand draws."""
    each = [
        2 * ((gold == name) & (said == name)).sum() / ((gold == name).sum() + (said == name).sum())
        for name in set(gold)
    ]
    return sum(each) / len(each)


def test_macro_f1_draw_by_draw_and_swap_by_swap(people):
    gold, a, b, who = people
    theirs = f1_score(gold, a, labels=sorted(set(gold)), average="macro")
    assert macro(gold, a) == pytest.approx(theirs)
    emotions = [[{"emotion": str(name)} for name in names] for names in (gold, a, b)]
    subjects = [f"s{n}" for n in who]
    one, two = (rows_of("expression", emotions[0], said, subjects) for said in emotions[1:])
    found = f1_difference("faces", "expression", one, two)
    observed = macro(gold, b) - macro(gold, a)
    assert (found.part, found.a, found.b) == (
        "macro_f1", pytest.approx(macro(gold, a)), pytest.approx(macro(gold, b)),
    )  # fmt: skip
    assert found.difference.value == pytest.approx(observed)

    swapped = []
    for signs in product((False, True), repeat=6):
        swap = np.array(signs)[who]
        swapped.append(macro(gold, np.where(swap, a, b)) - macro(gold, np.where(swap, b, a)))
    assert found.p == pytest.approx(np.mean(np.abs(swapped) >= abs(observed) - 1e-12))

    draws = []
    for pick in subject_picks(6, 1000, 0):
        places = np.concatenate([np.flatnonzero(who == n) for n in pick])
        draws.append(macro(gold[places], b[places]) - macro(gold[places], a[places]))
    tail = expanded_tail(6)
    assert [found.difference.low, found.difference.high] == pytest.approx(
        np.quantile(draws, (tail, 1 - tail)).tolist()
    )


def test_both_numbers_are_those_of_the_tasks():
    rng = np.random.default_rng(1)
    task = TASKS["action_units"]
    rated = (1, 2, 4, 6, 12, 25)  # the protocol's other units are not labelled
    subjects = [f"s{n % 5}" for n in range(40)]

    def units(share):
        strong = (rng.random(6) < share) * rng.integers(1, 6, 6)
        return {str(n): float(v) for n, v in zip(rated, strong, strict=True) if v}

    golds = [{"units": units(0.5), "rated": list(rated)} for _ in subjects]
    said = [
        [{"units": gold["units"] if rng.random() < share else units(0.5)} for gold in golds]
        for share in (0.1, 0.9)
    ]
    said[0][3] = None  # an unread answer names no unit
    one, two = (rows_of("action_units", golds, answers, subjects) for answers in said)
    found = f1_difference("units", "action_units", one, two)
    assert found.part == "unit_f1"
    for answers, ours in zip(said, (found.a, found.b), strict=True):
        read = [
            ActionUnitsAnswer(units={} if x is None else {int(n): v for n, v in x["units"].items()})
            for x in answers
        ]
        gold = [
            ActionUnitsAnswer(units={int(n): v for n, v in g["units"].items()}, rated=rated)
            for g in golds
        ]
        scored = [
            Scored(p, g, task.score(p, g), who)
            for p, g, who in zip(read, gold, subjects, strict=True)
        ]
        assert ours == pytest.approx(task.metrics(scored)["f1"].value)
    assert found.difference.low > 0 and found.p == pytest.approx(2 / 2**5)


def test_by_hand():
    # One face a person. A says anger throughout: F1 of anger 2·2/(4 + 2) = 2/3, of fear 0, mean
    # 1/3; B is always right: 1. Swapping a person of anger changes nothing; of the 16 swaps those
    # that swap both of fear or none reach 2/3: 8 of 16.
    golds = [{"emotion": name} for name in ("anger", "anger", "fear", "fear")]
    one = rows_of("expression", golds, [{"emotion": "anger"}] * 4, "abcd")
    two = rows_of("expression", golds, golds, "abcd")
    found = f1_difference("faces", "expression", one, two)
    assert (found.a, found.b) == (pytest.approx(1 / 3), 1.0)
    assert found.difference.value == pytest.approx(2 / 3) and found.p == pytest.approx(8 / 16)
    assert (found.better, found.worse) == (2, 0)
    assert f1_difference("ages", "age", one, two) is None


def test_two_models_of_a_run_are_compared_in_macro_f1_and_adjusted_with_the_score(tmp_path, corpus):
    recipe = {
        "output_dir": str(tmp_path / "run"),
        "benchmarks": [{"name": "faces", "task": "expression", "corpus": str(corpus)}],
        "models": {"right": {"kind": "gold"}, "wrong": {"kind": "shuffled"}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    folder = run(tmp_path / "recipe.yaml")
    score, f1 = compare(f"{folder}:wrong", f"{folder}:right")
    assert (score.part, f1.part) == ("score", "macro_f1")
    results = json.loads((folder / "results.json").read_text())["results"]
    [wrong] = [result for result in results if result["model"] == "wrong"]
    assert f1.b == 1.0 and f1.a == pytest.approx(wrong["metrics"]["macro_f1"]["value"])
    assert min(score.p_holm, f1.p_holm) == pytest.approx(min(1.0, 2 * min(score.p, f1.p)))
    assert "| faces | wrong | macro_f1 |" in (folder / "report.md").read_text()
