"""Groups against each other and faces against themselves; checked by hand and with fairlearn."""

import random

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame

from eval.benchmark import Benchmark
from eval.fairness import audit
from eval.fairness_report import fairness_section, sentence
from eval.models.guess import Guess
from eval.question import Question
from eval.run import evaluate
from facellm.core.sample import Face, FaceLabels, Provenance, Sample
from facellm.tasks import TASKS
from facellm.tasks.base import Score, Scored


def answered(tmp_path, rows):
    """Questions and scored answers from rows (group, subject, value, set of pictures)."""
    questions, scored = [], []
    for n, (group, subject, value, pair) in enumerate(rows):
        labels = FaceLabels(emotion="anger", groups=None if group is None else {"skin": group})
        who = Provenance(source="t", licence="none", subject_id=subject)
        face = Face(box=(0, 0, 9, 9), labels=labels)
        sample = Sample(
            id=f"s{n}", image="p", faces=[face], provenance=who, split="test", pair=pair
        )
        gold = TASKS["expression"].target(sample, random.Random(0))
        questions.append(Question(f"s{n}/1", sample, 1, tmp_path, "?", gold))
        score = Score(value=value, parts={"emotion": value})
        scored.append(None if value is None else Scored(gold, gold, score, subject))
    return questions, scored


def one_audit(tmp_path, rows):
    [found] = audit(*answered(tmp_path, rows))
    return found


def people(group, values, repeat=1):
    return [
        (group, f"{group}{n}", float(value), None)
        for n, value in enumerate(values)
        for _ in range(repeat)
    ]


def test_gap_and_ratio_by_hand_and_with_fairlearn(tmp_path):
    rows = people("dark", [0, 0, 1, 0, 1]) + people("light", [1, 1, 1, 0, 1, 1, 1, 1, 1, 1])
    found = one_audit(tmp_path, rows)
    # dark 2/5, light 9/10: 0.5 apart, 4/9 of it.
    assert (found.worst, found.best) == ("dark", "light")
    assert found.gap.value == found.difference.value == pytest.approx(0.5)
    assert found.ratio.value == pytest.approx(4 / 9)
    groups, _, values, _ = zip(*rows, strict=True)
    frame = MetricFrame(
        metrics=lambda _, right: float(np.mean(right)),
        y_true=np.ones(len(rows)),
        y_pred=np.array(values),
        sensitive_features=list(groups),
    )
    assert found.groups["dark"].value == pytest.approx(frame.by_group["dark"])
    assert found.groups["light"].value == pytest.approx(frame.by_group["light"])
    assert found.gap.value == pytest.approx(frame.difference())
    assert found.ratio.value == pytest.approx(frame.ratio())
    assert found.gap_by_chance is not None and not found.paired


def test_a_real_difference_is_clear_and_a_few_people_are_not_enough(tmp_path):
    rng = np.random.default_rng(0)
    many = people("a", rng.random(80) < 0.9) + people("b", rng.random(80) < 0.4)
    found = one_audit(tmp_path, many)
    assert found.clear and found.difference.low > 0.2
    assert "`b` is read worse than `a`" in sentence(found)
    assert "leaves zero out (160 people" in sentence(found)
    assert "That is more than the 0.1" in sentence(found)
    # The same shares among six people each, and pictures of one person are no further people.
    few = people("a", [1, 1, 1, 1, 1, 0], 20) + people("b", [1, 0, 1, 0, 1, 0], 20)
    found = one_audit(tmp_path, few)
    assert not found.clear and found.groups["a"].n == 120
    assert "no clear difference" in sentence(found) and "includes zero (12 people" in sentence(
        found
    )


@pytest.mark.slow
def test_equal_groups_are_called_different_in_about_one_of_twenty_cases(tmp_path):
    rng = np.random.default_rng(1)
    clear = 0
    for _ in range(60):
        rows = people("a", rng.normal(size=20)) + people("b", rng.normal(size=20))
        clear += one_audit(tmp_path, rows).clear
    assert clear <= 8  # binomial(60, 0.05): 8 or fewer in 99.4 % of runs


def test_small_groups_are_shown_and_not_compared(tmp_path):
    rows = people("a", [1] * 6) + people("b", [1, 0, 1, 0, 1]) + people("c", [0] * 4, 50)
    found = one_audit(tmp_path, rows)
    assert found.small == ("c",) and found.worst == "b"
    assert found.groups["c"].value == 0.0 and found.groups["c"].n == 200
    assert "Too few people to compare: `c` (4 people)." in sentence(found)
    alone = one_audit(tmp_path, people("a", [1] * 6) + people("c", [0]))
    assert alone.gap is None and alone.best is None
    assert "fewer than two groups of 5 people" in sentence(alone)
    assert "`c` (1 person)" in sentence(alone)


def test_faces_are_compared_with_themselves(tmp_path):
    # Person n scores n/20 in every tone, and 0.3 less in the darkest: people differ by far more
    # than tones do, and the pairs see the tones alone. Dark: -0.3; the others, each against the
    # mean of dark and one other: (0 + 0.3) / 2 = +0.15.
    rows = [
        (tone, f"p{n}", 1 + n / 20 - 0.3 * (tone == "dark"), f"{n}")
        for n in range(10)
        for tone in ("dark", "light", "middle")
    ]
    found = one_audit(tmp_path, rows)
    assert found.paired["dark"].value == pytest.approx(-0.3)
    assert found.paired["light"].value == pytest.approx(0.15)
    assert found.paired["dark"].n == found.paired["dark"].subjects == 10
    assert found.paired["dark"].high == pytest.approx(-0.3)
    assert found.gap_by_chance is None
    said = sentence(found)
    assert "The same 10 faces with only this changed: `dark` scores 0.300 lower" in said
    assert "`light` scores 0.150 higher than the others [0.150, 0.150]" in said


def test_a_face_in_one_group_alone_is_no_pair(tmp_path):
    rows = [("a", f"p{n}", 1.0, f"{n}") for n in range(5)]
    rows += [("b", f"q{n}", 0.0, f"q{n}") for n in range(5)]
    assert one_audit(tmp_path, rows).paired == {}


def test_faces_without_label_or_answer_are_left_out(tmp_path):
    rows = people("a", [1] * 5) + people("b", [0] * 5)
    more = [(None, "x", 1.0, None), ("a", "a9", None, None)]
    found = one_audit(tmp_path, rows + more)
    assert found.groups["a"].n == 5 and set(found.groups) == {"a", "b"}
    assert audit(*answered(tmp_path, more)) == []
    assert fairness_section({"m": []}) == ""


def test_groups_stand_in_the_order_of_their_numbers(tmp_path):
    rows = [row for name in ("10-19", "-0.3", "9", "child") for row in people(name, [1])]
    assert list(one_audit(tmp_path, rows).groups) == ["-0.3", "9", "10-19", "child"]


def test_a_run_audits_every_label_of_its_corpus(corpus, tmp_path):
    asked = Benchmark(name="b", task="action_units", corpus=corpus)
    model = Guess(kind="shuffled", task="action_units")
    result, _ = evaluate(asked, asked.questions(), "m", model, tmp_path)
    assert [(one.label, one.measure) for one in result.fairness] == [
        ("light", "score"),
        ("light", "f1"),
        ("light", "intensity"),
    ]
    text = fairness_section({"m": result.fairness})
    assert "### Does `m` read some groups worse?" in text
    assert text.count("| light | ") == 2 and "What this cannot tell" in text
