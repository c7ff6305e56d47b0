"""Classification and multiple choice against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from eval.metrics.choice import multiple_choice
from eval.metrics.classification import classification, confusion
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.tasks.base import Scored
from facellm.tasks.expression import ExpressionAnswer, ExpressionTask

COMPOUND = ("happily surprised", "sadly angry", "angrily disgusted")


def drawn(classes: int, n: int = 400, seed: int = 0) -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(classes, size=n)
    told = np.where(rng.random(n) < 0.6, gold, rng.integers(classes, size=n))
    subjects = rng.integers(30, size=n)
    return [f"c{i}" for i in told], [f"c{i}" for i in gold], [f"s{i}" for i in subjects]


@pytest.mark.parametrize("k", [2, 7, 8, 40])
def test_agrees_with_scikit_learn_for_any_number_of_classes(k):
    told, gold, subjects = drawn(k)
    classes = [f"c{i}" for i in range(k)]
    found = classification(told, gold, subjects, classes)
    precision, recall, f1, _ = precision_recall_fscore_support(gold, told, labels=classes)
    assert found["accuracy"].value == pytest.approx(accuracy_score(gold, told))
    assert found["war"] == found["accuracy"]
    assert found["uar"].value == pytest.approx(recall.mean())
    assert found["macro_f1"].value == pytest.approx(f1.mean())
    for i, name in enumerate(classes):
        assert found[f"recall/{name}"].value == pytest.approx(recall[i])
        assert found[f"precision/{name}"].value == pytest.approx(precision[i])
        assert found[f"f1/{name}"].value == pytest.approx(f1[i])
    counts = confusion(told, gold, classes).counts
    assert (counts[:, :k] == confusion_matrix(gold, told, labels=classes)).all()


def test_compound_classes_by_hand_with_an_absent_class_and_no_answer():
    # gold: A A B B; told: A – A B. Class C never occurs.
    # Recalls 1/2, 1/2, –. F1: A 2·1/(2+2) = 1/2, B 2·1/(1+2) = 2/3, C –. Accuracy 2/4.
    a, b, _ = COMPOUND
    found = classification([a, None, a, b], [a, a, b, b], list("wxyz"), COMPOUND)
    assert found["accuracy"].value == 0.5
    assert found["uar"].value == 0.5
    assert found["macro_f1"].value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["answered"].value == 0.75
    assert found["f1/angrily disgusted"].value is None
    assert found["recall/angrily disgusted"].n == 0
    assert found["recall/happily surprised"].n == 2
    assert confusion([a, None, a, b], [a, a, b, b], COMPOUND).counts.tolist() == [
        [1, 0, 0, 1],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
    ]


def test_a_class_that_is_only_predicted_is_not_averaged_in():
    # As facellm.core.agreement.macro_f1: gold has x only, F1 = 2·1/(1+2) = 2/3.
    found = classification(["x", "y"], ["x", "x"], ["1", "2"], ("x", "y"))
    assert found["macro_f1"].value == pytest.approx(2 / 3)


def test_gold_scores_one_and_shuffled_answers_score_chance():
    _, gold, subjects = drawn(8, 4000)
    classes = [f"c{i}" for i in range(8)]
    perfect = classification(gold, gold, subjects, classes)
    assert all(perfect[name].value == 1.0 for name in ("accuracy", "uar", "macro_f1"))
    told = list(np.random.default_rng(1).permutation(gold))
    assert classification(told, gold, subjects, classes)["uar"].value == pytest.approx(
        1 / 8, abs=0.02
    )


def test_agrees_with_the_expression_task_to_the_interval():
    rng = np.random.default_rng(3)
    gold = [EMOTIONS[i] for i in rng.integers(8, size=120)]
    told = [g if rng.random() < 0.7 else EMOTIONS[rng.integers(8)] for g in gold]
    subjects = [f"s{i}" for i in rng.integers(12, size=120)]
    task = ExpressionTask()
    scored = []
    for p, g, s in zip(told, gold, subjects, strict=True):
        prediction, truth = ExpressionAnswer(emotion=p), ExpressionAnswer(emotion=g)
        scored.append(Scored(prediction, truth, task.score(prediction, truth), s))
    theirs = task.metrics(scored)
    ours = classification(told, gold, subjects, EMOTIONS)
    for name in ("accuracy", "macro_f1"):
        assert ours[name].value == pytest.approx(theirs[name].value)
        assert ours[name].low == pytest.approx(theirs[name].low)
        assert ours[name].high == pytest.approx(theirs[name].high)


def test_labels_outside_the_protocol_and_ragged_columns_are_errors():
    with pytest.raises(FaceLLMError, match="none of the classes"):
        classification(["x"], ["z"], ["1"], ("x", "y"))
    with pytest.raises(FaceLLMError, match="map it to one"):
        classification(["z"], ["x"], ["1"], ("x", "y"))
    with pytest.raises(FaceLLMError, match="1 predictions, 2 subjects"):
        classification(["x"], ["x", "y"], ["1", "2"], ("x", "y"))


def test_no_samples_leave_everything_undefined():
    found = classification([], [], [], ("x", "y"))
    assert all(number.value is None and number.n == 0 for number in found.values())


def test_multiple_choice_by_hand():
    # Right: 1, 0, unread, 1 → 2/4; of the read ones 2/3. Chance (1/4 + 1/4 + 1/4 + 1/2) / 4.
    # Categories: age 1/2, count 1/2 → mean 1/2.
    four, two = dict(zip("ABCD", "wxyz", strict=True)), {"A": "yes", "B": "no"}
    found = multiple_choice(
        ["A", "B", None, "B"],
        ["A", "C", "D", "B"],
        [four, four, four, two],
        list("abcd"),
        ["age", "age", "count", "count"],
    )
    assert found["accuracy"].value == 0.5
    assert found["accuracy_answered"].value == pytest.approx(2 / 3)
    assert found["accuracy_answered"].n == 3
    assert found["chance"].value == pytest.approx(1.25 / 4)
    assert found["answered"].value == 0.75
    assert found["accuracy/age"].value == found["category_mean"].value == 0.5
    with pytest.raises(FaceLLMError, match="none of the options"):
        multiple_choice(["C"], ["A"], [two], ["a"])
