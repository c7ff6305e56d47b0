"""A watch on what is answered: failures to parse, one answer for all, copied evidence, lengths.

A model that is paid for a number finds the cheapest way to raise it. What that looks like from
outside is an answer that no longer depends on the face, or a length that runs away.
"""

import json
import math
import re
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facellm.core.grammar import ParseFailure
from facellm.train.log import read_log
from rl.rewards import text_of
from rl.rewards.truth import Completion, known, parsed

STAGE = "grpo"
"""What the lines of a run's log belong to."""
WINDOW = 256
"""Answers that shares are taken over."""
ENOUGH = 64
"""Answers that are needed before an alarm is raised."""
TOO_ALIKE = 0.3
"""How much commoner the commonest answer may be than the commonest gold."""
DRIFT = 1.5
"""Factor by which the mean length may leave that of the first `FIRST` logged steps."""
FIRST = 10

_THINK = re.compile(r"<think>.*?</think>", re.DOTALL)


class Watch:
    """Looks at every answer; `see` gives the numbers of a batch, `alarms` what is wrong."""

    def __init__(self, rewards: Sequence[str], samples: Path | None = None, keep: int = 0) -> None:
        self.rewards, self.samples, self.keep = list(rewards), samples, keep
        self.seen: deque[tuple[str, str, str, str]] = deque(maxlen=WINDOW)
        self.latest: list[dict[str, Any]] = []

    def see(
        self,
        rows: Sequence[dict[str, Any]],
        completions: Sequence[Completion],
        rewards: Sequence[Sequence[float]],
    ) -> dict[str, float]:
        """Numbers of a batch, each a share in [0, 1].

        `parse_failures`; `same_answer` and `same_evidence`, the shares of the commonest answer and
        think block in the window, and `…_gold`, what these would be if every answer were right.
        """
        failures = 0
        self.latest = []
        for row, completion, given in zip(rows, completions, rewards, strict=True):
            text, truth = text_of(completion), known(row["truth"])
            failures += isinstance(parsed(row["task"], text), ParseFailure)
            self.seen.append((*_parts(text), *_parts(truth.exchange.text)))
            if len(self.latest) < self.keep:
                scored = {
                    name: None if math.isnan(value) else round(value, 4)
                    for name, value in zip(self.rewards, given, strict=True)
                }
                self.latest.append(
                    {"sample": truth.truth.sample.id, "task": row["task"], "text": text, **scored}
                )
        columns = list(zip(*self.seen, strict=True))
        names = ("same_evidence", "same_answer", "same_evidence_gold", "same_answer_gold")
        shares = {name: _commonest(column) for name, column in zip(names, columns, strict=True)}
        return {"parse_failures": failures / len(rows), **shares}

    def write_samples(self, step: int) -> None:
        """Keep the last batch's first answers for reading."""
        if self.samples is not None and self.latest:
            with self.samples.open("a", encoding="utf-8") as out:
                for line in self.latest:
                    row = {"stage": STAGE, "step": step, **line}
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def alarms(self, log: Path) -> list[str]:
        """What looks like a model that plays the rewards, one line each."""
        found = []
        if len(self.seen) >= ENOUGH:
            evidence, answer, gold_evidence, gold_answer = (
                _commonest(column) for column in zip(*self.seen, strict=True)
            )
            if answer > gold_answer + TOO_ALIKE:
                found.append(
                    f"one answer for all: {answer:.0%} of the answers are the same, of the gold "
                    f"{gold_answer:.0%}; raise beta or lower learning_rate"
                )
            if evidence > gold_evidence + TOO_ALIKE:
                found.append(
                    f"evidence copied: {evidence:.0%} of the think blocks are the same, of the "
                    f"gold {gold_evidence:.0%}; raise beta, or the weight of au_f1"
                )
        return found + drift(log)


def drift(log: Path) -> list[str]:
    """Whether the mean length of the last steps has left that of the first, by a run's log."""
    key = "completions/mean_length"
    lengths = [row[key] for row in read_log(log) if row.get(key)]
    if len(lengths) < 2 * FIRST:
        return []
    first, last = sum(lengths[:FIRST]) / FIRST, sum(lengths[-FIRST:]) / FIRST
    if 1 / DRIFT <= last / first <= DRIFT:
        return []
    return [
        f"length drift: answers have {last:.0f} tokens, at the start {first:.0f}; "
        "add length to the rubric, or choose algorithm dr_grpo"
    ]


def _parts(text: str) -> tuple[str, str]:
    """Think block and the rest."""
    match = _THINK.search(text)
    return (match[0], text.replace(match[0], "").strip()) if match else ("", text.strip())


def _commonest(column: Sequence[str]) -> float:
    """Share of the commonest entry; think blocks that are not there are not alike."""
    counts = Counter(entry for entry in column if entry)
    return max(counts.values(), default=0) / len(column)
