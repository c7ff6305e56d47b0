"""Facial events in order: lines, sentences and JSON say the same; scores are those of FEC-Bench."""

import random

import pytest
from task_samples import sample

from eval.metrics.events import event_order
from facellm.core.grammar import ParseFailure
from facellm.core.sample import Event, FaceLabels
from facellm.tasks.dynamics import DynamicsAnswer, DynamicsTask
from facellm.tasks.read_events import Told

TASK = DynamicsTask()
BROWS = Event(action_unit=1, onset=0.4, apex=0.8, offset=1.2, intensity=3)
JAW = Event(action_unit=26, onset=0.9, apex=1.5, offset=None, intensity=2)
SMILE = Event(action_unit=12, onset=2.0, apex=2.6, offset=None, intensity=4)


def gold_of(*events: Event) -> DynamicsAnswer:
    gold = TASK.target(sample(FaceLabels(events=events)), random.Random(0))
    assert gold is not None
    return gold


GOLD = gold_of(BROWS, JAW, SMILE)


def codes(text: str) -> list[str]:
    told = TASK.parse(text)
    assert isinstance(told, Told), told
    return [event.action_unit for event in told.events]


def test_lines_and_sentences_are_read_in_order_of_time() -> None:
    lines = (
        "0.4–0.8 s: raised inner brows onset (AU1, marked), apex at 0.8 s\n"
        "0.8–1.2 s: raised inner brows fades\n"
        "0.9–1.5 s: jaw drop onset (AU26, slight), apex at 1.5 s\n"
        "2.0–2.6 s: smile onset (AU12, pronounced), apex at 2.6 s"
    )
    assert codes(lines) == ["AU1", "AU26", "AU12"]
    assert TASK.scored(lines, GOLD, "s").score.value == 1.0
    story = (
        "At 2.0 s the lips curl (AU12, pronounced), strongest at 2.6 s. "
        "From the first frame the brows are up (AU1, marked)."
    )
    assert codes(story) == ["AU1", "AU12"]
    together = "The brows rise (AU1) at 0.4 s and then, at 2.0 s, the lips curl (AU12)."
    assert codes(together) == ["AU1", "AU12"]
    assert codes("The face is at rest throughout the clip.") == []


def test_scores_by_hand() -> None:
    swapped = (
        '{"events": [{"action_unit": "AU26"}, {"action_unit": "AU1"}, {"action_unit": "AU12"}]}'
    )
    score = TASK.scored(swapped, GOLD, "s").score
    assert score.parts == pytest.approx({"events": 1.0, "relations": 2 / 3, "order": 2 / 3})
    assert score.value == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert TASK.scored('{"events": []}', GOLD, "s").score.value == 0.0
    quiet = gold_of()
    assert TASK.scored('{"events": []}', quiet, "s").score.value == 1.0
    assert TASK.scored("?", quiet, "s").score.value == 0.0
    one = TASK.scored('{"events": [{"action_unit": "AU1"}]}', gold_of(BROWS), "s").score
    assert one.parts == {"events": 1.0, "relations": None, "order": 1.0}


def test_what_begins_at_once_has_no_order() -> None:
    gold = gold_of(BROWS, SMILE.model_copy(update={"onset": 0.4}))
    for pair in (("AU1", "AU12"), ("AU12", "AU1")):
        events = ", ".join(f'{{"action_unit": "{code}", "onset": 0.4}}' for code in pair)
        assert TASK.scored(f'{{"events": [{events}]}}', gold, "s").score.value == 1.0


@pytest.mark.parametrize(
    ("text", "apex", "value"),
    [
        ("AU12 peaks at 2.6 s. The lips curl (AU12, marked).", 2.6, 1.0),
        ("At 2.1 s the lips curl (AU12, marked), its strongest.", 2.6, 0.5),
        ("AU12 is absent throughout.", 2.6, 0.0),
        ("AU12 is absent throughout.", None, 1.0),
        ("AU4 is absent throughout.", None, 0.0),
        ("AU12 peaks at 2.6 s.", None, 0.0),
    ],
)
def test_the_apex_of_one_unit(text: str, apex: float | None, value: float) -> None:
    gold = DynamicsAnswer(action_unit="AU12", apex=apex)
    assert TASK.scored(text, gold, "s").score.value == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "The person smiles.",
        "She raises her brows and then smiles.",
        '{"events": ["AU1", "AU12"]}',
        '{"events": [{"action_unit": "AU99"}]}',
        '{"events": [{"action_unit": "smile"}]}',
        '{"events": [{"action_unit": "AU12", "onset": -1}]}',
        "At 1.0 s the lips curl (AU99, marked).",
    ],
)
def test_answers_that_are_not(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure), TASK.parse(text)


def test_metrics_are_those_of_the_evaluation() -> None:
    said = ["AU12", "AU1", "?"]
    golds = [gold_of(BROWS, SMILE), gold_of(BROWS), gold_of(JAW, SMILE)]
    scored = [
        TASK.scored(text if text == "?" else f'{{"events": [{{"action_unit": "{text}"}}]}}', g, who)
        for text, g, who in zip(said, golds, "abc", strict=True)
    ]
    told = [None if text == "?" else [text] for text in said]
    true = [["AU1", "AU12"], ["AU1"], ["AU26", "AU12"]]
    found, wanted = TASK.metrics(scored), event_order(told, true, list("abc"))
    for name, numbers in wanted.items():
        assert (found[name].value, found[name].n) == (numbers.value, numbers.n)
