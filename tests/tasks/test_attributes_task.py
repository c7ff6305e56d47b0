"""Attributes: named ones, each right or wrong, and accuracies as `eval` has them and by hand."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.classification import classification
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.attributes import (
    LIMIT,
    NEVER_ASKED,
    AttributesAnswer,
    AttributesTask,
    attribute_name,
)

TASK = AttributesTask()
names = st.text(min_size=1, max_size=12) | st.sampled_from(("Wearing_Hat", "5 o'clock shadow"))
LABELS = {"Eyeglasses": True, "wearing_hat": False, "beard": False, "male": True, "bangs": True}


def said(**attributes: bool) -> AttributesAnswer:
    return AttributesAnswer(attributes=attributes)


@given(labels=st.dictionaries(names, st.booleans()), seed=st.integers(0, 10**6))
def test_every_gold_survives_both_registers(labels: dict[str, bool], seed: int) -> None:
    gold = TASK.target(sample(FaceLabels(attributes=labels)), random.Random(seed))
    if gold is None:
        return
    assert TASK.parse(TASK.render(gold)) == gold
    assert TASK.parse(TASK.render(gold, "prose", random.Random(seed))) == gold


def test_questions_name_what_the_gold_answers_and_no_traits() -> None:
    picture = sample(FaceLabels(attributes=LABELS | {f"thing {n}": True for n in range(9)}))
    asked = set()
    for seed in range(200):
        register = ("task", "prose")[seed % 2]
        exchange = TASK.exchange(picture, random.Random(seed), 1, register)
        assert exchange is not None
        assert len(exchange.answer.attributes) == LIMIT
        assert all(name in exchange.question.lower() for name in exchange.answer.attributes)
        asked |= set(exchange.answer.attributes)
    assert len(asked) == 13 and "wearing hat" in asked
    assert NEVER_ASKED.isdisjoint(asked)
    assert TASK.target(sample(FaceLabels(attributes={"male": True})), random.Random(0)) is None
    assert TASK.target(sample(FaceLabels(attributes={})), random.Random(0)) is None


def test_both_registers() -> None:
    gold = TASK.known(FaceLabels(attributes={"Eyeglasses": True, "wearing_hat": False}))
    assert gold is not None
    assert TASK.render(gold) == '<answer>{"eyeglasses": true, "wearing hat": false}</answer>'
    prose = {TASK.render(gold, "prose", random.Random(i)) for i in range(200)}
    assert "Visible: eyeglasses. Not visible: wearing hat." in prose
    assert "I cannot see: wearing hat. I can see: eyeglasses." in prose
    assert TASK.parse('{"Wearing_Hat": false, "eyeglasses": true}') == gold
    assert attribute_name(" Wearing__Hat ") == "wearing hat"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "attributes"),
        ('{"eyeglasses": "yes"}', "eyeglasses"),
        ('{"eyeglasses": 1}', "eyeglasses"),
        ('{"eyeglasses": 0.9}', "eyeglasses"),
        ('{"eyeglasses": null}', "eyeglasses"),
        ('{"eyeglasses": true, "Eyeglasses": false}', "twice"),
        ('{"_": true}', "no name"),
        ('{"attributes": {"eyeglasses": true}}', "attributes"),
        ("Visible: eyeglasses. Not visible: eyeglasses.", "no answer"),
        ("Visible: eyeglasses. Visible: beard.", "no answer"),
        ("Visible: eyeglasses, eyeglasses.", "no answer"),
        ("Visible: eyeglasses. Absent: beard.", "no answer"),
        ("Visible: .", "no name"),
        ("Visible: eyeglasses", "no answer"),
        ("Not visible:", "no answer"),
        ("The face shows eyeglasses.", "no answer"),
        ("eyeglasses", "no answer"),
    ],
)
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


def test_missing_names_are_wrong_and_further_ones_do_not_count() -> None:
    gold = said(beard=True, hat=False)
    assert TASK.compare(said(beard=True), gold).value == 0.5
    assert TASK.compare(said(beard=True, hat=False, bangs=True), gold).value == 1.0
    assert TASK.compare(said(bangs=True), gold).value == 0.0
    assert TASK.compare(None, gold).value == 0.0


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    asked = ("beard", "hat", "bangs")
    scored, columns = [], {name: ([], [], []) for name in asked}
    for n in range(60):
        gold = {str(k): bool(rng.random() < 0.4) for k in rng.choice(asked, 2, replace=False)}
        answer = {k: v ^ bool(rng.random() < 0.3) for k, v in gold.items() if rng.random() < 0.9}
        text = TASK.render(said(**answer)) if answer else "?"
        scored.append(TASK.scored(text, said(**gold), f"p{n % 7}"))
        for name, value in gold.items():
            there = {True: "yes", False: "no", None: None}
            for column, entry in zip(columns[name], (there[answer.get(name)], there[value],
                                                     f"p{n % 7}"), strict=True):  # fmt: skip
                column.append(entry)
    found = TASK.metrics(scored)
    balanced = []
    for name in asked:
        wanted = classification(*columns[name], ("yes", "no"))
        same_numbers(found[f"accuracy/{name}"], wanted["accuracy"])
        same_numbers(found[f"balanced_accuracy/{name}"], wanted["uar"])
        balanced.append(wanted["uar"].value)
    assert found["balanced_accuracy"].value == pytest.approx(np.mean(balanced))


def test_who_always_says_no_is_accurate_and_not_balanced() -> None:
    golds = [said(beard=n == 0) for n in range(10)]
    scored = [TASK.scored('{"beard": false}', g, f"p{n}") for n, g in enumerate(golds)]
    numbers = TASK.metrics(scored)
    assert (numbers["accuracy"].value, numbers["balanced_accuracy"].value) == (0.9, 0.5)
