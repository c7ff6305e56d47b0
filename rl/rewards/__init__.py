"""Rewards: functions `f(completions, truth, **columns) -> list[float | None]`.

They are what TRL and ms-swift call a reward function. Each wraps the tasks' own parsing and
scores, so the number a model is trained on is the number a benchmark reports. Every reward lies in
[0, 1] with 1 best, and is None (unscored) where a row's labels lack what it takes. That depends on
the row alone, never on the completion: within a group of completions of one prompt, all are scored
or none, so a missing label cannot pass for a bad answer.
"""

from rl.rewards.affective_tree import affective_tree
from rl.rewards.au_f1 import au_f1
from rl.rewards.au_intensity import au_intensity
from rl.rewards.caption_facts import caption_facts
from rl.rewards.consistency import consistency
from rl.rewards.format import grammar
from rl.rewards.grounding import grounding
from rl.rewards.hallucination import hallucination
from rl.rewards.judge import judge
from rl.rewards.length import length
from rl.rewards.looked import looked
from rl.rewards.parts import age, attributes, choice, expression
from rl.rewards.repetition import repetition
from rl.rewards.score import score
from rl.rewards.truth import Truth, text_of
from rl.rewards.wording import wording

__all__ = [
    "Truth",
    "affective_tree",
    "age",
    "attributes",
    "au_f1",
    "au_intensity",
    "caption_facts",
    "choice",
    "consistency",
    "expression",
    "grammar",
    "grounding",
    "hallucination",
    "judge",
    "length",
    "looked",
    "repetition",
    "score",
    "text_of",
    "wording",
]
