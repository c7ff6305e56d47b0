"""Pairs from what the current model says: a chosen and a rejected answer to one question.

    pairs.jsonl   a line a pair: question, ids, chosen, rejected, their rewards by part, margin
    pairs.json    counts, and why questions gave no pair; its being there says that all were asked

Nothing here writes an answer: both are the model's own, and only differ in what the rubric says of
them against the labels.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from facellm.core.errors import FaceLLMError
from facellm.train.evaluate import MAX_NEW_TOKENS
from rl.answerer import Answerer
from rl.improve.gather import Asked, answers, drawn
from rl.preferences.recipe import Preferences
from rl.preferences.sets import drawn_sets
from rl.prompts import Prompts, check_labels
from rl.rewards.truth import fails, parsed
from rl.rubric import Rubric

PAIRS = "pairs.jsonl"
COUNTS = "pairs.json"
UNREADABLE = "unreadable"
"""Fewer than two answers, with groups fewer than two pictures, of which anything can be read."""
ALIKE = "alike"
"""All readable answers are one and the same text."""
TIE = "tie"
"""The rewards differ, but by less than the margin, or not at all."""
Row = dict[str, Any]


class Said(NamedTuple):
    """A readable answer with what it earns."""

    text: str
    parts: dict[str, float | None]
    total: float


class Heard(NamedTuple):
    """The readable answers to one question about one picture."""

    asked: Asked
    said: list[Said]

    @property
    def mean(self) -> float:
        """Their mean reward."""
        return sum(one.total for one in self.said) / len(self.said)


def make_pairs(recipe: Preferences, model: Path) -> list[Row]:
    """The run's pairs; those of an earlier start are read again.

    Raises:
        FaceLLMError: a corpus without what tasks and rubric need, or not one pair.
    """
    done, kept = recipe.output_dir / COUNTS, recipe.output_dir / PAIRS
    if not done.is_file():
        recipe.output_dir.mkdir(parents=True, exist_ok=True)
        _gather(recipe, model, kept, done)
    return [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]


def _gather(recipe: Preferences, model: Path, kept: Path, done: Path) -> None:
    """Ask, pair, and write both files, the counts last."""
    asking = recipe.asking()
    check_labels(asking, Prompts(asking, recipe.pairs.prompts))
    sets: list[list[Asked]]
    if recipe.pairs.of == "groups":
        sets = drawn_sets(asking, recipe.pairs.prompts)
    else:
        sets = [[one] for one in drawn(asking, recipe.pairs.prompts, "question")]
    torch.manual_seed(recipe.seed)
    answerer = Answerer(model, recipe.pairs.temperature, recipe.use_cpu)
    heard, unreadable = _listen(recipe, sets, answerer)
    found: list[Row] = []
    reasons: Counter[str] = Counter()
    margins: list[float] = []
    for own in sets:
        pairs, reason = paired([heard[one.name] for one in own], recipe.pairs.margin)
        reasons.update([reason] if reason else [])
        found += pairs
        margins += [pair["margin"] for pair in pairs]
    said = sum(len(own) for own in sets) * recipe.pairs.answers
    if not found:
        raise FaceLLMError(_none(recipe, len(sets), said, reasons, unreadable))
    with kept.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    counts = {
        "questions": len(sets), "answers": said, "unreadable_answers": unreadable,
        "pairs": len(found), "mean_margin": round(sum(margins) / len(margins), 4),
        "no_pair": dict(reasons.most_common()),
    }  # fmt: skip
    part = done.with_suffix(".part")
    part.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    part.replace(done)
    print(
        f"{len(found)} pairs of {len(sets)} questions and {said} answers "
        f"({unreadable} unreadable); no pair: {_listed(reasons)}",
        flush=True,
    )


def paired(pictures: Sequence[Heard], margin: float) -> tuple[list[Row], str | None]:
    """The pairs of one question, and why there is none.

    With one picture, the best answer against the worst. With the pictures of a set, the best answer
    to the picture that is read best (by its mean) against the worst to each that is read worse by
    the margin or more; what is asked about then is the latter, so that what the group changes is
    answered as it would be in the other group.
    """
    if len(pictures) == 1:
        (only,) = pictures
        if len(only.said) < 2:
            return [], UNREADABLE
        best, worst = _extremes(only.said)
        if len({one.text for one in only.said}) == 1:
            return [], ALIKE
        return ([_pair(only, best, only, worst)], None) if _far(best, worst, margin) else ([], TIE)
    known = [picture for picture in pictures if picture.said]
    if len(known) < 2:
        return [], UNREADABLE
    if len({one.text for picture in known for one in picture.said}) == 1:
        return [], ALIKE
    top = max(known, key=lambda picture: picture.mean)
    best, _ = _extremes(top.said)
    found = []
    for picture in known:
        _, worst = _extremes(picture.said)
        if top.mean - picture.mean >= margin and _far(best, worst, margin):
            found.append(_pair(top, best, picture, worst))
    return found, None if found else TIE


def scored(rubric: Rubric, asked: Asked, texts: Sequence[str], answerer: Answerer) -> list[Said]:
    """The answers that can be read, with every reward; an answer cut at the longest length is
    none."""
    ids = answerer.processor.tokenizer(list(texts))["input_ids"]
    columns = {"truth": [asked.truth.dump()] * len(texts), "completion_ids": ids}
    rewards = rubric.rewards()
    given = [reward.function(completions=list(texts), **columns) for reward in rewards]
    names = [reward.name for reward in rewards]
    found = []
    for text, own, tokens in zip(texts, zip(*given, strict=True), ids, strict=True):
        total = rubric.total(own)
        readable = len(tokens) < MAX_NEW_TOKENS and not fails(parsed(asked.truth.task, text))
        if readable and total is not None:
            found.append(Said(text, dict(zip(names, own, strict=True)), total))
    return found


def _listen(
    recipe: Preferences, sets: Sequence[Sequence[Asked]], answerer: Answerer
) -> tuple[dict[str, Heard], int]:
    """What is readable of the answers to every question, and how many are not."""
    asked = [one for own in sets for one in own]
    each = recipe.pairs.answers
    print(f"asking {len(asked)} questions, {each} answers each", flush=True)
    heard = {
        one.name: Heard(one, scored(recipe.rubric, one, texts, answerer))
        for one, texts in answers(asked, each, answerer)
    }
    readable = sum(len(one.said) for one in heard.values())
    return heard, len(asked) * each - readable


def _extremes(said: Sequence[Said]) -> tuple[Said, Said]:
    """Best and worst, the first of equals."""
    return max(said, key=lambda one: one.total), min(said, key=lambda one: one.total)


def _far(best: Said, worst: Said, margin: float) -> bool:
    return best.total - worst.total >= margin - 1e-9


def _pair(better: Heard, best: Said, worse: Heard, worst: Said) -> Row:
    """A line of `pairs.jsonl`; the question is about the picture of the rejected answer."""
    asked, sample = worse.asked, worse.asked.truth.sample
    row: Row = {
        "id": asked.name, "sample": sample.id, "subject": sample.provenance.subject_id,
        "corpus": str(asked.corpus), "image": sample.image, "face": asked.truth.face,
        "task": asked.truth.task, "question": asked.question,
        "chosen": best.text, "rejected": worst.text,
        "chosen_rewards": _rounded(best.parts), "rejected_rewards": _rounded(worst.parts),
        "margin": round(best.total - worst.total, 4),
    }  # fmt: skip
    if better is not worse:
        other = better.asked.truth
        row |= {"chosen_sample": other.sample.id, "chosen_groups": other.labels.groups}
        row |= {"rejected_groups": asked.truth.labels.groups}
    row["landmarks"] = [face.points for face in sample.faces]
    return row


def _rounded(parts: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if v is None else round(v, 4) for name, v in parts.items()}


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{kind} {n}" for kind, n in reasons.most_common()) or "none"


def _none(
    recipe: Preferences, questions: int, said: int, reasons: Counter[str], unreadable: int
) -> str:
    """What is said where there is no pair."""
    start = (
        f"none of {questions} questions gives a pair with a margin of {recipe.pairs.margin:g} "
        f"({_listed(reasons)}; {unreadable} of {said} answers unreadable)"
    )
    if 2 * unreadable > said:
        return f"{start}; train the model first by `facellm train` on these tasks"
    return (
        f"{start}; lower pairs.margin, raise pairs.temperature, pairs.answers or pairs.prompts, "
        "or name rewards that tell these answers apart"
    )
