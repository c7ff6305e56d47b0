"""How near the answer's tree of attributes, movements and emotion is to the gold answer's.

    sadness                        emotion     4
    ├── AU1                        movement    2
    │   ├── AU1 in its region      attribute   1
    │   └── AU1 marked             attribute   1
    └── AU15
        ├── AU15 in its region
        └── AU15 slight

The tree of VidEmo (arXiv 2511.02712: attribute → expression → emotion, its weights unpublished),
over the words of the answer grammar. Nodes are deleted and inserted at the costs on the right.
Labels are unique within a tree and stand in one order in all trees, so that every label which two
trees share can stay: the edit distance is the cost of the labels that only one of them has.
"""

from collections.abc import Sequence
from typing import Any

from facellm.core.evidence import Thought, region_fits
from facellm.core.facs import intensity_word
from facellm.tasks.reasoning import ReasoningAnswer
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of

EMOTION, MOVEMENT, ATTRIBUTE = 4.0, 2.0, 1.0
Tree = dict[str, float]
"""Label of a node → cost of deleting or inserting it."""


def affective_tree(
    completions: Sequence[Completion], truth: Sequence[str], **columns: Any
) -> Rewards:
    """1 − tree edit distance / (cost of both trees), in [0, 1]; 1 for the gold tree.

    A unit's regions are right where it acts in all of them, an intensity where its word is the
    gold's. Unlabelled and optional units are left out; a unit of the gold that is called absent is
    one more wrong movement. What cannot be read gets 0. None: the task is not `reasoning`.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        if not isinstance(row.gold, ReasoningAnswer) or row.gold.thought is None:
            rewards.append(None)
            continue
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(_likeness(answer, row.gold) if isinstance(answer, ReasoningAnswer) else 0.0)
    return rewards


def _likeness(answer: ReasoningAnswer, gold: ReasoningAnswer) -> float:
    wanted, said = tree(gold), tree(answer, gold)
    distance = sum(wanted[n] for n in wanted.keys() - said.keys())
    distance += sum(said[n] for n in said.keys() - wanted.keys())
    return 1.0 - distance / (sum(wanted.values()) + sum(said.values()))


def tree(answer: ReasoningAnswer, gold: ReasoningAnswer | None = None) -> Tree:
    """The nodes of an answer; with `gold`, without the units that gold leaves open."""
    nodes = {answer.emotion: EMOTION}
    thought = answer.thought or Thought()
    astray = {s.action_unit for s in thought.statements if not region_fits(s)}
    acting = set(gold.thought.units) if gold and gold.thought else set()
    for statement in thought.statements:
        n = statement.action_unit
        if gold and (n in gold.optional or (gold.rated is not None and n not in gold.rated)):
            continue
        nodes[f"AU{n}"] = MOVEMENT
        place = statement.region if n in astray else "its region"
        nodes[f"AU{n} in {place}"] = ATTRIBUTE
        if statement.intensity is not None:
            nodes[f"AU{n} {intensity_word(statement.intensity)}"] = ATTRIBUTE
    nodes |= {f"no AU{n}": MOVEMENT for n in thought.absent if n in acting}
    return nodes
