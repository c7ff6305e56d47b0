"""Valence, age, pose, quality and binary scores against scipy, scikit-learn and by hand."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_squared_error, roc_auc_score, roc_curve

from eval.metrics.continuous import age, pose, quality, valence_arousal, wrapped
from eval.metrics.ranks import binary
from facellm.core.errors import FaceLLMError

NAN = float("nan")


def people(n: int) -> list[str]:
    return [f"s{i % 10}" for i in range(n)]


def test_valence_and_arousal():
    rng = np.random.default_rng(0)
    gold = rng.uniform(-1, 1, (60, 2))
    told = np.clip(gold + rng.normal(0, 0.4, (60, 2)), -1, 1)
    found = valence_arousal(told, gold, people(60))
    for i, name in enumerate(("valence", "arousal")):
        p, g = told[:, i], gold[:, i]
        ccc = 2 * np.cov(p, g, ddof=0)[0, 1] / (p.var() + g.var() + (p.mean() - g.mean()) ** 2)
        assert found[f"{name}/ccc"].value == pytest.approx(ccc)
        assert found[f"{name}/pearson"].value == pytest.approx(pearsonr(p, g).statistic)
        assert found[f"{name}/rmse"].value == pytest.approx(math.sqrt(mean_squared_error(g, p)))
        assert found[f"{name}/sagr"].value == pytest.approx((np.sign(p) == np.sign(g)).mean())


def test_unanswered_valence_is_left_out_of_errors_and_wrong_in_sign():
    # Signs: right, no answer, wrong; the last label is 0 and has no sign → 1/3.
    told = np.array([[0.5, 0], [NAN, NAN], [-0.5, 0], [0.2, 0]])
    gold = np.array([[0.4, NAN], [0.5, NAN], [0.1, NAN], [0.0, NAN]])
    found = valence_arousal(told, gold, list("abcd"))
    assert found["valence/sagr"].value == pytest.approx(1 / 3)
    assert found["valence/rmse"].n == 3
    assert found["valence/rmse"].value == pytest.approx(math.sqrt((0.01 + 0.36 + 0.04) / 3))
    assert found["valence/answered"].value == 0.75
    assert found["arousal/ccc"].value is None and found["arousal/ccc"].n == 0


def test_age_by_hand():
    # Off by +3, −10, +5, unanswered: MAE 18/3, bias −2/3, CS@5 = 2/4.
    found = age(np.array([33.0, 30, 25, NAN]), np.array([30.0, 40, 20, 50]), list("abcd"))
    assert found["mae"].value == pytest.approx(6.0)
    assert found["bias"].value == pytest.approx(-2 / 3)
    assert found["cs5"].value == 0.5
    assert found["answered"].value == 0.75
    assert found["mae"].n == 3 and found["cs5"].n == 4
    with pytest.raises(FaceLLMError, match="age label is NaN"):
        age(np.array([1.0]), np.array([NAN]), ["a"])


def test_pose_wraps_around():
    # 179° against −179° is 2°, not 358°; the third face is unanswered.
    degrees = np.radians
    told = degrees(np.array([[10.0, 179, 0], [0, 0, -5], [NAN, 0, 0]]))
    gold = degrees(np.array([[0.0, -179, 0], [0, 0, 5], [0, 0, 0]]))
    found = pose(told, gold, list("abc"))
    assert found["mae/pitch"].value == pytest.approx(degrees(5.0))
    assert found["mae/yaw"].value == pytest.approx(degrees(1.0))
    assert found["mae/roll"].value == pytest.approx(degrees(5.0))
    assert found["mae"].value == pytest.approx(degrees(11 / 3))
    assert found["answered"].value == pytest.approx(2 / 3)
    assert wrapped(np.array([3 * math.pi, -math.pi, 0.5])) == pytest.approx(
        [-math.pi, -math.pi, 0.5]
    )


def test_quality_agrees_with_scipy_with_ties_and_missing_answers():
    rng = np.random.default_rng(2)
    gold = rng.integers(5, size=80) / 4.0
    told = np.round(gold + rng.normal(0, 0.3, 80), 1)
    told[::9] = NAN
    known = ~np.isnan(told)
    found = quality(told, gold, people(80))
    rho = spearmanr(told[known], gold[known]).statistic
    assert found["srcc"].value == pytest.approx(rho)
    assert found["plcc"].value == pytest.approx(pearsonr(told[known], gold[known]).statistic)
    assert found["srcc"].low < rho < found["srcc"].high
    assert quality(np.ones(4), np.arange(4.0), list("abcd"))["srcc"].value is None


def test_weighted_ranks_equal_ranks_of_the_drawn_sample():
    from eval.metrics.ranks import spearman
    from eval.statistics import Clusters

    rng = np.random.default_rng(4)
    a, b = rng.integers(4, size=12).astype(float), rng.normal(size=12)
    clusters = Clusters([f"s{i % 4}" for i in range(12)], draws=20)
    every = np.ones(12, dtype=bool)
    found = spearman(clusters, a, b, every)
    for row, counts in enumerate(clusters.counts):
        taken = np.repeat(np.arange(12), counts[clusters.of_sample].astype(int))
        assert found[row] == pytest.approx(spearmanr(a[taken], b[taken]).statistic)


def equal_error(gold, scores) -> float:
    """The crossing of the ROC polyline with fpr = 1 − tpr, by bisection on interpolation."""
    fpr, tpr, _ = roc_curve(gold, scores, drop_intermediate=False)
    low, high = 0.0, 1.0
    t = np.linspace(0, 1, len(fpr))
    for _ in range(60):
        middle = (low + high) / 2
        gap = np.interp(middle, t, fpr) + np.interp(middle, t, tpr) - 1
        low, high = (middle, high) if gap < 0 else (low, middle)
    return float(np.interp(low, t, fpr))


@pytest.mark.parametrize("ties", [False, True])
def test_auc_and_equal_error_rate_agree_with_scikit_learn(ties):
    rng = np.random.default_rng(5)
    gold = rng.random(120) < 0.4
    scores = gold * 0.5 + rng.normal(0, 0.5, 120)
    scores = np.round(scores, 1) if ties else scores
    found = binary(scores, gold, people(120))
    assert found["auc"].value == pytest.approx(roc_auc_score(gold, scores))
    assert found["eer"].value == pytest.approx(equal_error(gold, scores), abs=1e-9)
    assert found["accuracy"].value == pytest.approx(((scores >= 0.5) == gold).mean())


def test_equal_error_rate_by_hand():
    # yes .9 .6, no .7 .1: ROC (0,0) (0,.5) (.5,.5) (.5,1) (1,1); fpr = 1 − tpr at (.5, .5).
    found = binary(np.array([0.9, 0.6, 0.7, 0.1]), [True, True, False, False], list("abcd"))
    assert found["eer"].value == 0.5
    assert found["auc"].value == 0.75
    # Answers without scores: 1 of 2 hits, 0 of 2 alarms: (0, .5) then straight to (1, 1):
    # f = 1 − (.5 + f/2) → f = 1/3.
    hard = binary(np.array([1.0, 0, 0, 0]), [True, True, False, False], list("abcd"))
    assert hard["eer"].value == pytest.approx(1 / 3)


def test_one_sided_labels_have_no_curve_and_no_answer_is_wrong():
    found = binary(np.array([0.9, NAN]), [True, True], ["a", "b"])
    assert found["auc"].value is None and found["eer"].value is None
    assert found["accuracy"].value == 0.5
    assert found["answered"].value == 0.5
