"""Before a run: can the start model be reinforced at all?

GRPO strengthens what a model already samples. One that never answers in the grammar has nothing
to strengthen; one whose answers all earn the same has nothing to choose between.
"""

from typing import NamedTuple

import torch

from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure
from rl.prompts import Prompts
from rl.recipe import Recipe
from rl.rewards import text_of
from rl.rewards.truth import parsed
from rl.watched import WatchedTrainer

ELSEWHERE = 1
"""Added to the seed, so that the check asks what the run will not ask in this order."""
COLD_START = (
    "train it first by `facellm train` on the same tasks (answers with think blocks), or choose "
    "tasks that it knows"
)


class Start(NamedTuple):
    """What the start model does on the prompts it is tried on."""

    parsed: float
    """Share of the answers that can be read."""
    varied: float
    """Share of the prompts whose answers get different rewards."""
    reward: float
    """Mean of the weighted sums."""
    example: str
    """The first answer that cannot be read, with the reason; empty where there is none."""

    def __str__(self) -> str:
        """One line."""
        return (
            f"start model: {self.parsed:.0%} of the answers can be read, {self.varied:.0%} of the "
            f"prompts have answers of different reward, mean reward {self.reward:.3f}"
        )


def check_start(trainer: WatchedTrainer, recipe: Recipe) -> Start | None:
    """Try the start model; None where the recipe skips it.

    Raises:
        FaceLLMError: too few answers can be read, or too few prompts have answers that
            differ in reward.
    """
    if recipe.check.prompts == 0:
        return None
    with torch.random.fork_rng():
        start = _try(trainer, recipe)
    print(start, flush=True)
    if start.parsed < recipe.check.parsed:
        raise FaceLLMError(
            f"only {start.parsed:.0%} of the start model's answers can be read (check.parsed asks "
            f"for {recipe.check.parsed:.0%}), such as {start.example}; {COLD_START}"
        )
    if start.varied < recipe.check.varied:
        raise FaceLLMError(
            f"only {start.varied:.0%} of the prompts have answers of different reward "
            f"(check.varied asks for {recipe.check.varied:.0%}): nothing to learn from; raise "
            "temperature or num_generations, choose harder tasks, or rewards that tell these "
            "answers apart"
        )
    return start


def _try(trainer: WatchedTrainer, recipe: Recipe) -> Start:
    check, group = recipe.check, recipe.num_generations
    prompts = Prompts(recipe.model_copy(update={"seed": recipe.seed + ELSEWHERE}), check.prompts)
    readable, totals, example = 0, [], ""
    for first in range(0, check.prompts, recipe.prompts_per_step):
        drawn = range(first, min(first + recipe.prompts_per_step, check.prompts))
        rows = [row for row in map(prompts.__getitem__, drawn) for _ in range(group)]
        completions, ids = trainer.answers(rows)
        truth = [row["truth"] for row in rows]
        given = recipe.rubric.totals(completions, truth=truth, completion_ids=ids)
        totals += [total or 0.0 for total in given]
        for row, completion in zip(rows, completions, strict=True):
            answer = parsed(row["task"], text_of(completion))
            readable += not isinstance(answer, ParseFailure)
            if isinstance(answer, ParseFailure) and not example:
                example = f"{answer.text[:60]!r} ({answer.reason[:80]})"
    grouped = [totals[i : i + group] for i in range(0, len(totals), group)]
    varied = sum(max(own) - min(own) > 1e-9 for own in grouped) / len(grouped)
    return Start(readable / len(totals), varied, sum(totals) / len(totals), example)
