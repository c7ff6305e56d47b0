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
from typing import Any

import torch

from data_engine.verify.check import verify
from data_engine.verify.claims import Policy
from facellm.core.errors import FaceLLMError
from facellm.train.evaluate import Answerer
from rl.improve.recipe import Improvement
from rl.prompts import Prompts
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
    reasons: Counter[str] = Counter()
    rows = held = 0
    with (folder / ROWS).open("w", encoding="utf-8") as kept, (folder / "rejects.jsonl").open(
        "w", encoding="utf-8"
    ) as rejects:  # fmt: skip
        for index, corpus, truth, texts in _answers(recipe, number, answerer):
            verdicts = [_reasons(truth, text, recipe.sample.tolerance) for text in texts]
            best = _best(recipe, truth, texts, verdicts, answerer)
            held += sum(not found for found in verdicts)
            for k, (text, found) in enumerate(zip(texts, verdicts, strict=True)):
                reasons.update({reason.partition(":")[0] for reason in found})
                if k != best:
                    row = {"id": _name(number, index), "text": text, "reasons": found or [BETTER]}
                    rejects.write(json.dumps(row) + "\n")
            if best is not None:
                rows += 1
                row = _row(truth, texts[best], corpus, folder, _name(number, index))
                row["provenance"] = {
                    "round": number, "answers": len(texts),
                    "held": sum(not found for found in verdicts),
                }  # fmt: skip
                kept.write(json.dumps(row) + "\n")
    asked = recipe.sample.prompts * recipe.sample.answers
    if not rows:
        common = ", ".join(f"{kind} ({n})" for kind, n in reasons.most_common(3))
        raise FaceLLMError(
            f"round {number}: none of {asked} answers holds against the labels ({common}); "
            "train the model first by `facellm train`"
        )
    counts = {
        "prompts": recipe.sample.prompts,
        "answers": asked,
        "held": held,
        "rows": rows,
        "reasons": dict(reasons.most_common()),
    }
    part = done.with_suffix(".part")
    part.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    part.replace(done)
    return counts


def _answers(
    recipe: Improvement, number: int, answerer: Answerer
) -> Iterator[tuple[int, Path, Truth, list[str]]]:
    """Each question of the round with its corpus and the model's answers."""
    asking = recipe.reinforcement(number, answerer.folder)
    prompts = Prompts(asking.model_copy(update={"pool": None}), recipe.sample.prompts)
    each = recipe.sample.answers
    drawn = [prompts.truth(index) for index in range(len(prompts))]
    for corpus in dict.fromkeys(folder for folder, _ in drawn):
        own = [(i, truth) for i, (folder, truth) in enumerate(drawn) if folder == corpus]
        asked = []
        for _, truth in own:
            exchange = truth.exchange()
            assert exchange is not None, "a prompt is drawn with its labels"
            asked += [(truth.sample, exchange.question)] * each
        texts = answerer(corpus, asked)
        for place, (index, truth) in enumerate(own):
            yield index, corpus, truth, texts[place * each : (place + 1) * each]


def _reasons(truth: Truth, text: str, tolerance: int) -> list[str]:
    """Why an answer does not hold; nothing where it does."""
    if fails(parsed(truth.task, text)):
        return [UNREADABLE]
    exchange = truth.exchange()
    assert exchange is not None
    facts = [face.labels for face in truth.sample.faces]
    policy = Policy(tolerance=tolerance)
    found = verify(text, facts, truth.task, policy, exchange.question)
    return [problem.kind for problem in found.problems]


def _best(
    recipe: Improvement,
    truth: Truth,
    texts: Sequence[str],
    verdicts: Sequence[list[str]],
    answerer: Answerer,
) -> int | None:
    """The answer with most reward among those that hold, the first of equals; None: none holds."""
    holding = [k for k, found in enumerate(verdicts) if not found]
    if not holding:
        return None
    own = [texts[k] for k in holding]
    ids = answerer.processor.tokenizer(own)["input_ids"]
    totals = recipe.rubric.totals(own, truth=[truth.dump()] * len(own), completion_ids=ids)
    return max(zip(holding, totals, strict=True), key=lambda pair: (pair[1] or 0.0, -pair[0]))[0]


def _row(truth: Truth, text: str, corpus: Path, folder: Path, name: str) -> Row:
    exchange = truth.exchange()
    assert exchange is not None
    sample = truth.sample
    said = [{"type": "image"}, {"type": "text", "text": exchange.question}]
    return {
        "id": name,
        "messages": [
            {"role": "user", "content": said},
            {"role": "assistant", "content": [{"type": "text", "text": text}]},
        ],
        "images": [os.path.relpath((corpus / sample.image).resolve(), folder.resolve())],
        "landmarks": [[face.points for face in sample.faces]],
        "task": truth.task,
        "split": "train",
        "sample_ids": [sample.id],
    }


def _name(number: int, index: int) -> str:
    return f"round-{number}-{index:06}"
