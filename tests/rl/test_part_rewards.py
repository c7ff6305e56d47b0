"""Rewards that are parts of a score, and the affective tree against a plain edit distance."""

from functools import cache

import pytest
from rl_samples import full, sample

from facellm.core.sample import FaceLabels
from facellm.tasks import TASKS
from rl.rewards import Truth, affective_tree, age, attributes, caption_facts, choice
from rl.rewards.affective_tree import ATTRIBUTE, EMOTION, MOVEMENT, tree

SMILE = full("happiness", AU6=3.0, AU12=4.0)
SAD = full("sadness", AU1=2.0, AU4=2.0, AU15=5.0)
FAKE = FaceLabels(authentic=False)


def one(reward, text: str, task: str, labels: FaceLabels) -> float | None:
    return reward([text], truth=[Truth(task=task, sample=sample(labels)).dump()])[0]


@pytest.mark.parametrize(
    ("reward", "task", "labels", "text", "value"),
    [
        (age, "age", FaceLabels(age=40.0), '<answer>{"age": 40}</answer>', 1.0),
        (age, "age", FaceLabels(age=40.0), '<answer>{"age": 45}</answer>', 1 - 5 / 20),
        (age, "age", FaceLabels(age=40.0), '<answer>{"age": 90}</answer>', 0.0),
        (age, "age", FaceLabels(age=40.0), "about forty", 0.0),
        (age, "expression", SMILE, "happiness", None),
        (attributes, "attributes", FaceLabels(attributes={"beard": True, "hat": False}),
         '<answer>{"beard": true, "hat": true}</answer>', 0.5),
        (attributes, "age", FaceLabels(age=40.0), "", None),
        (choice, "authenticity", FAKE, '<answer>{"authentic": false}</answer>', 1.0),
        (choice, "authenticity", FAKE, '<answer>{"authentic": true}</answer>', 0.0),
        (choice, "compound_expression", FaceLabels(expression="happily surprised"),
         '<answer>{"category": "happily surprised"}</answer>', 1.0),
        (choice, "reasoning", SMILE, "", None),
        (caption_facts, "caption", SMILE, "The person looks happy.", 0.5),  # of emotion and units
        (caption_facts, "caption", SMILE,
         "The lip corners are pulled up (AU12, marked). The person looks happy.", (1 + 2 / 3) / 2),
        (caption_facts, "reasoning", SMILE, "", None),
    ],
)  # fmt: skip
def test_parts(reward, task, labels, text, value):
    assert one(reward, text, task, labels) == (None if value is None else pytest.approx(value))


def said(*lines: str, emotion: str = "happiness") -> str:
    return "\n".join(["<think>", *lines, f'</think>\n<answer>{{"emotion": "{emotion}"}}</answer>'])


CHEEKS, CORNERS = "cheeks: up (AU6, marked)", "mouth: pulled up (AU12, pronounced)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (said(CHEEKS, CORNERS), 1.0),
        # 4 + 2·(2 + 1 + 1) = 12 and 4 + 4 = 8; shared 8
        (said(CHEEKS), 2 * 8 / 20),
        (said(CHEEKS, CORNERS, emotion="anger"), 2 * 8 / 24),
        (said(CHEEKS, "mouth: pulled up (AU12, trace)"), 2 * 11 / 24),
        (said(CHEEKS, "forehead: pulled up (AU12, pronounced)"), 2 * 11 / 24),
        (said(CHEEKS, "mouth: pulled up (AU12)"), 2 * 11 / 23),
        (said(CHEEKS, "absent: AU12, AU4"), 2 * 8 / 22),  # AU12 denied; AU4 rightly so
        ("happiness, for sure", 0.0),
    ],
)
def test_affective_tree(text, value):
    assert one(affective_tree, text, "reasoning", SMILE) == pytest.approx(value)


Forest = tuple  # of (label, cost, forest of children)


@cache
def edit_distance(a: Forest, b: Forest) -> float:
    """Ordered forests, by the recursion of Tai (1979): delete, insert, or keep equal labels."""
    if not a or not b:
        return sum(cost + edit_distance(below, ()) for _, cost, below in (*a, *b))
    (x, cost_x, under_x), (y, cost_y, under_y) = a[-1], b[-1]
    ways = [
        cost_x + edit_distance(a[:-1] + under_x, b),
        cost_y + edit_distance(a, b[:-1] + under_y),
    ]
    if x == y:
        ways.append(edit_distance(a[:-1], b[:-1]) + edit_distance(under_x, under_y))
    return min(ways)


def as_forest(nodes: dict[str, float], emotion: str) -> Forest:
    def below(unit: str) -> Forest:
        names = sorted(n for n in nodes if n.startswith(f"{unit} "))
        return tuple((name, ATTRIBUTE, ()) for name in names)

    units = sorted(n for n in nodes if nodes[n] == MOVEMENT)
    return ((emotion, EMOTION, tuple((unit, MOVEMENT, below(unit)) for unit in units)),)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (SMILE, said(CHEEKS)),
        (SMILE, said("brows: lowered (AU4, slight)", CORNERS, emotion="anger")),
        (SAD, said("eyes: down (AU15)", "brows: up (AU1, trace)")),
    ],
)
def test_the_distance_is_that_of_the_ordered_trees(labels, text):
    gold = TASKS["reasoning"].target(sample(labels), None)
    answer = TASKS["reasoning"].parse(text)
    wanted, given = tree(gold), tree(answer, gold)
    distance = edit_distance(as_forest(wanted, gold.emotion), as_forest(given, answer.emotion))
    likeness = 1 - distance / (sum(wanted.values()) + sum(given.values()))
    assert one(affective_tree, text, "reasoning", labels) == pytest.approx(likeness)
