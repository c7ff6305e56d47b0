"""Action units: detection against scikit-learn, intensity against pingouin, both against tasks."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import precision_recall_fscore_support

from eval.metrics.action_units import detection, intensity, protocol
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PROTOCOLS
from facellm.tasks.unit_metrics import unit_metrics

NAN = float("nan")


def rated(units: int, n: int = 300, seed: int = 0):
    rng = np.random.default_rng(seed)
    gold = rng.integers(6, size=(n, units)).astype(float)
    told = np.clip(gold + rng.normal(0, 1.2, size=(n, units)), 0, 5).round()
    return told, gold, [f"s{i}" for i in rng.integers(15, size=n)]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_detection_agrees_with_scikit_learn_under_every_protocol(name):
    units, present_at = protocol(name)
    told, gold, subjects = rated(len(units))
    found = detection(told, gold, subjects, units, present_at)
    scores = [
        precision_recall_fscore_support(
            gold[:, i] >= present_at, told[:, i] >= present_at, average="binary"
        )
        for i in range(len(units))
    ]
    for i, unit in enumerate(units):
        for j, key in enumerate(("precision", "recall", "f1")):
            assert found[f"{key}/AU{unit}"].value == pytest.approx(scores[i][j])
    assert found["f1"].value == pytest.approx(np.mean([s[2] for s in scores]))
    assert found["units"].value == len(units)


def test_detection_agrees_with_the_task_to_the_interval():
    units = PROTOCOLS["disfa12"].units
    told, gold, subjects = rated(12)
    gold[::7, 3] = NAN
    rows = [
        (
            dict(zip(units, p, strict=True)),
            {u: v for u, v in zip(units, g, strict=True) if not np.isnan(v)},
            s,
        )
        for p, g, s in zip(told, gold, subjects, strict=True)
    ]
    theirs = unit_metrics(rows, "disfa12")
    ours = {
        **intensity(told, gold, subjects, units),
        **detection(told, gold, subjects, units, PROTOCOLS["disfa12"].present_at),
    }
    for name in ("f1", "icc31", "f1/AU12"):
        for end in ("value", "low", "high"):
            assert getattr(ours[name], end) == pytest.approx(getattr(theirs[name], end)), name
    assert ours["f1/AU5"].n == 300 - len(range(0, 300, 7))


def test_detection_by_hand_and_what_is_undefined():
    # AU1: gold 1 1 0 0, told 1 0 1 0 → P 1/2, R 1/2, F1 1/2. AU2: no positives, one false alarm:
    # no F1, no recall, precision 0/1 = 0. AU4: unlabelled: nothing is defined.
    told = np.array([[3.0, 0, 0], [0, 5, 0], [2, 0, 0], [1, 0, 5]])
    gold = np.array([[2.0, 0, NAN], [5, 1, NAN], [0, 0, NAN], [1, 0, NAN]])
    found = detection(told, gold, list("abcd"), (1, 2, 4))
    assert [found[f"{key}/AU1"].value for key in ("precision", "recall", "f1")] == [0.5] * 3
    assert found["f1/AU2"].value is None and found["recall/AU2"].value is None
    assert found["precision/AU2"].value == 0.0
    assert found["f1/AU4"].value is None and found["f1/AU4"].n == 0
    assert found["f1"].value == 0.5
    assert found["units"].value == 1


def test_probabilities_take_their_own_threshold():
    told, gold = np.array([[0.6], [0.4]]), np.array([[3.0], [0.0]])
    assert detection(told, gold, ["a", "b"], (12,), 2.0, predicted_at=0.5)["f1"].value == 1.0
    assert detection(told, gold, ["a", "b"], (12,), 2.0)["f1"].value == 0.0


def icc(told, gold) -> dict[str, float]:
    n = len(told)
    table = pd.DataFrame(
        {
            "face": list(range(n)) * 2,
            "rater": ["model"] * n + ["gold"] * n,
            "value": [*told, *gold],
        }
    )
    found = pingouin.intraclass_corr(table, targets="face", raters="rater", ratings="value")
    return {str(t): float(v) for t, v in zip(found["Type"], found["ICC"], strict=True)}


def test_intensity_agrees_with_pingouin_scipy_and_the_definition_of_ccc():
    told, gold, subjects = rated(3, 80)
    told[:, 1] += 1.5  # an offset tells consistency from agreement
    found = intensity(told, gold, subjects, (1, 2, 4))
    for i, unit in enumerate((1, 2, 4)):
        p, g = told[:, i], gold[:, i]
        theirs = icc(p, g)
        names = {k.replace("ICC", "").strip("()").replace(" ", ""): v for k, v in theirs.items()}
        consistency = names.get("3", names.get("C,1"))
        agreement = names.get("2", names.get("A,1"))
        assert found[f"icc31/AU{unit}"].value == pytest.approx(consistency)
        assert found[f"icca1/AU{unit}"].value == pytest.approx(agreement)
        assert found[f"pearson/AU{unit}"].value == pytest.approx(pearsonr(p, g).statistic)
        ccc = 2 * np.cov(p, g, ddof=0)[0, 1] / (p.var() + g.var() + (p.mean() - g.mean()) ** 2)
        assert found[f"ccc/AU{unit}"].value == pytest.approx(ccc)
        assert found[f"mae/AU{unit}"].value == pytest.approx(np.abs(p - g).mean())
    assert found["icca1/AU2"].value < found["icc31/AU2"].value
    mean = np.mean([found[f"mae/AU{u}"].value for u in (1, 2, 4)])
    assert found["mae"].value == pytest.approx(mean)


def test_icc_by_hand():
    # p = 1 2 3, g = 2 2 5 (see tests/core): MS_R 7/2, MS_E 1/2, MS_C 3/2, n = 3, k = 2.
    # ICC(3,1) = 3 / 4. ICC(A,1) = (3.5 − .5) / (3.5 + .5 + 2·(1.5 − .5)/3) = 3 / (14/3) = 9/14.
    found = intensity(np.array([[1.0], [2], [3]]), np.array([[2.0], [2], [5]]), list("abc"), (12,))
    assert found["icc31"].value == pytest.approx(0.75)
    assert found["icca1"].value == pytest.approx(9 / 14)


def test_constant_columns_have_no_correlation():
    zero = np.zeros((4, 1))
    found = intensity(zero, zero, list("abcd"), (1,))
    assert [found[k].value for k in ("icc31", "icca1", "pearson", "ccc")] == [None] * 4
    assert found["mae"].value == 0.0
    half = intensity(zero, np.array([[0.0], [1], [2], [3]]), list("abcd"), (1,))
    assert half["pearson"].value is None
    assert half["icc31"].value == 0.0


def test_bad_tables_are_refused():
    with pytest.raises(FaceLLMError, match="write 0 for a unit"):
        detection(np.array([[NAN]]), np.array([[1.0]]), ["a"], (1,))
    with pytest.raises(FaceLLMError, match="2 samples × 3 units"):
        detection(np.zeros((2, 2)), np.zeros((2, 2)), ["a", "b"], (1, 2, 4))
    with pytest.raises(FaceLLMError, match="no protocol 'disfa'"):
        protocol("disfa")
