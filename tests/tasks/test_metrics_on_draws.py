"""Metrics computed from sums over draws equal those computed on every draw's own rows."""

import numpy as np
import pytest

from facellm.core.agreement import (
    defined_mean,
    f1_columns,
    icc31_columns,
    macro_f1,
    mean_absolute_error,
)
from facellm.core.emotions import EMOTIONS
from facellm.core.facs import PROTOCOLS
from facellm.core.statistics import (
    by_subject,
    cluster_bootstrap,
    cluster_bootstraps,
    cluster_mean,
    mean,
)
from facellm.tasks import TASKS
from facellm.tasks.unit_metrics import unit_metrics

UNITS, PRESENT_AT = PROTOCOLS["disfa12"]


def close(one, two):
    assert (one.n, one.subjects) == (two.n, two.subjects)
    for a, b in ((one.value, two.value), (one.low, two.low), (one.high, two.high)):
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, abs=1e-9)


def test_unit_metrics():
    rng = np.random.default_rng(0)
    rated = []
    for n in range(40):
        gold = {u: float(rng.integers(0, 6)) for u in UNITS if rng.random() < 0.8}
        gold.pop(UNITS[3], None)  # a unit nobody labelled
        gold[UNITS[5]] = 0.0  # and one that never acts
        said = {u: round(float(rng.uniform(0, 5)), 2) for u in UNITS[:9]}
        said[UNITS[5]] = 0.3  # nor varies
        rated.append((said, gold, f"p{n % 7}"))

    def statistics(rows):
        said, gold = rows[:, : len(UNITS)], rows[:, len(UNITS) :]
        each = f1_columns(said, gold, PRESENT_AT)
        pooled = icc31_columns(said.reshape(-1, 1), gold.reshape(-1, 1))[0]
        icc = defined_mean(icc31_columns(said, gold))
        return [defined_mean(each), icc, pooled, mean_absolute_error(said, gold), *each]

    rows = [
        [p.get(u, 0.0) for u in UNITS] + [g.get(u, float("nan")) for u in UNITS]
        for p, g, _ in rated
    ]
    names = ("f1", "icc31", "icc31_pooled", "mae", *(f"f1/AU{u}" for u in UNITS))
    wanted = cluster_bootstraps(by_subject([s for *_, s in rated], rows), names, statistics)
    found = unit_metrics(rated, "disfa12")
    assert list(found) == list(wanted)
    for name in wanted:
        close(found[name], wanted[name])
    assert found[f"f1/AU{UNITS[3]}"].value is None


def test_expression_metrics():
    rng = np.random.default_rng(1)
    task = TASKS["expression"]
    answers = [str(e) for e in rng.choice([*EMOTIONS[:5], "a nose"], 60)]
    golds = [str(e) for e in rng.choice(EMOTIONS[:6], 60)]
    subjects = [f"p{n % 9}" for n in range(60)]
    scored = [
        task.scored(said, task.schema(emotion=gold), subject)
        for said, gold, subject in zip(answers, golds, subjects, strict=True)
    ]
    rows = [
        [EMOTIONS.index(a) if a in EMOTIONS else -1, EMOTIONS.index(g)]
        for a, g in zip(answers, golds, strict=True)
    ]
    groups = by_subject(subjects, rows)
    found = task.metrics(scored)
    close(found["macro_f1"], cluster_bootstrap(groups, lambda r: macro_f1(r[:, 0], r[:, 1])))
    close(
        found["accuracy"],
        cluster_mean(subjects, [float(a == g) for a, g in zip(answers, golds, strict=True)], True),
    )


def test_a_mean():
    values = np.random.default_rng(2).normal(size=50)
    subjects = [f"p{n % 6}" for n in range(50)]
    close(
        cluster_mean(subjects, list(values)), cluster_bootstrap(by_subject(subjects, values), mean)
    )
    assert cluster_mean([], []).value is None
    assert cluster_mean(["a", "a"], [0.0, 1.0]).low is None
