"""One round's corpus: the current model answers, the verifier keeps what the labels bear out.

The model gets the picture, its landmarks and the question, as any user would; labels are only in
the verifier's hands, so they are in no prompt of a row that is kept.

    round-1/rows.jsonl      the best answer to each question that has one, as `facellm train` reads
            rejects.jsonl   every other answer, with the verifier's reasons
            gathered.json   counts; its being there says that the round's corpus is whole
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from data_engine.verify.check import verify
from data_engine.verify.claims import Policy
from facellm.core.errors import FaceLLMError
from rl.answerer import Answerer
from rl.improve.recipe import Improvement
from rl.prompts import Prompts
from rl.recipe import Recipe as Reinforcement
from rl.rewards import Truth
from rl.rewards.truth import fails, parsed

ROWS = "rows.jsonl"
COUNTS = "gathered.json"
UNREADABLE = "unreadable"
"""Reason of an answer in which its task reads nothing."""
BETTER = "another_is_better"
"""Reason of an answer that holds, beside one with more reward."""
Row = dict[str, Any]


def gather(recipe: Improvement, number: int, model: Path) -> Row:
    """Fill the folder of round `number`; returns its counts.

    Raises:
        FaceLLMError: not one answer holds.
    """
    folder = recipe.folder(number)
    done = folder / COUNTS
    if done.is_file():
        counts: Row = json.loads(done.read_text(encoding="utf-8"))
        return counts
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed + number)
    answerer = Answerer(model, recipe.sample.temperature, recipe.use_cpu)
    asking = recipe.reinforcement(number, model)
    questions = drawn(asking, recipe.sample.prompts, f"round-{number}")
    reasons: Counter[str] = Counter()
    rows = held = 0
    with (folder / ROWS).open("w", encoding="utf-8") as kept, (folder / "rejects.jsonl").open(
        "w", encoding="utf-8"
    ) as rejects:  # fmt: skip
        for asked, texts in answers(questions, recipe.sample.answers, answerer):
            verdicts = [_reasons(asked, text, recipe.sample.tolerance) for text in texts]
            holding = [k for k, found in enumerate(verdicts) if not found]
            best = _best(recipe, asked.truth, texts, holding, answerer)
            held += len(holding)
            for k, (text, found) in enumerate(zip(texts, verdicts, strict=True)):
                reasons.update({reason.partition(":")[0] for reason in found})
                if k != best:
                    row = {"id": asked.name, "text": text, "reasons": found or [BETTER]}
                    rejects.write(json.dumps(row) + "\n")
            if best is not None:
                rows += 1
                row = _row(asked, texts[best], folder)
                row["provenance"] = {
                    "round": number, "answers": len(texts), "held": len(holding),
                }  # fmt: skip
                kept.write(json.dumps(row) + "\n")
    total = recipe.sample.prompts * recipe.sample.answers
    if not rows:
        common = ", ".join(f"{kind} ({n})" for kind, n in reasons.most_common(3))
        raise FaceLLMError(
            f"round {number}: none of {total} answers holds against the labels ({common}); "
            "train the model first by `facellm train`"
        )
    counts = {
        "prompts": recipe.sample.prompts,
        "answers": total,
        "held": held,
        "rows": rows,
        "reasons": dict(reasons.most_common()),
    }
    part = done.with_suffix(".part")
    part.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    part.replace(done)
    return counts


class Asked(NamedTuple):
    """One question that a model is asked."""

    name: str
    corpus: Path
    truth: Truth
    question: str


def drawn(asking: Reinforcement, count: int, name: str) -> list[Asked]:
    """The first `count` questions of a recipe's seed, called `name-000000` and so on.

    Raises:
        FaceLLMError: a corpus without the labels that a task asks about.
    """
    prompts = Prompts(asking.model_copy(update={"pool": None}), count)
    found = []
    for index in range(count):
        corpus, truth = prompts.truth(index)
        exchange = truth.exchange()
        assert exchange is not None, "a prompt is drawn with its labels"
        found.append(Asked(f"{name}-{index:06}", corpus, truth, exchange.question))
    return found


def answers(
    asked: Sequence[Asked], each: int, answerer: Answerer
) -> Iterator[tuple[Asked, list[str]]]:
    """Each question, corpus by corpus, and `each` answers of the model to it."""
    for corpus in dict.fromkeys(one.corpus for one in asked):
        own = [one for one in asked if one.corpus == corpus]
        texts = answerer(
            corpus, [(one.truth.sample, one.question) for one in own for _ in range(each)]
        )
        for place, one in enumerate(own):
            yield one, texts[place * each : (place + 1) * each]


def _reasons(asked: Asked, text: str, tolerance: int) -> list[str]:
    """Why an answer does not hold; nothing where it does."""
    truth = asked.truth
    if fails(parsed(truth.task, text)):
        return [UNREADABLE]
    facts = [face.labels for face in truth.sample.faces]
    found = verify(text, facts, truth.task, Policy(tolerance=tolerance), asked.question)
    return [problem.kind for problem in found.problems]


def _best(
    recipe: Improvement,
    truth: Truth,
    texts: Sequence[str],
    holding: Sequence[int],
    answerer: Answerer,
) -> int | None:
    """The answer with most reward among those that hold, the first of equals; None: none holds."""
    if not holding:
        return None
    own = [texts[k] for k in holding]
    ids = answerer.processor.tokenizer(own)["input_ids"]
    totals = recipe.rubric.totals(own, truth=[truth.dump()] * len(own), completion_ids=ids)
    return max(zip(holding, totals, strict=True), key=lambda pair: (pair[1] or 0.0, -pair[0]))[0]


def _row(asked: Asked, text: str, folder: Path) -> Row:
    sample = asked.truth.sample
    said = [{"type": "image"}, {"type": "text", "text": asked.question}]
    return {
        "id": asked.name,
        "messages": [
            {"role": "user", "content": said},
            {"role": "assistant", "content": [{"type": "text", "text": text}]},
        ],
        "images": [os.path.relpath((asked.corpus / sample.image).resolve(), folder.resolve())],
        "landmarks": [[face.points for face in sample.faces]],
        "task": asked.truth.task,
        "split": "train",
        "sample_ids": [sample.id],
    }
