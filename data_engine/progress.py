"""What a run tells while it works: a bar or plain lines, and `summary.json` beside the results."""

import json
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from data_engine.shards import Done, lumped

_EVERY = 2.0
"""Seconds between two summaries."""
_LINE_EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Collects the markers of finished shards and shows them."""

    def __init__(self, folder: Path, stages: list[str]) -> None:
        self._path = folder / "summary.json"
        self._started = time.time()
        self._stages: list[dict[str, Any]] = [
            {"stage": name, "shards": 0, "items": 0, "rejects": {}, "first": None, "last": None}
            for name in stages
        ]
        self._new = 0
        self._said = self._saved = 0.0
        self._bar = self._make_bar() if sys.stderr.isatty() else None
        self._save("running")

    def shard(self, stage: int, done: Done, fresh: bool = True) -> None:
        """Count a finished shard; `fresh` ones were computed now and make the speed."""
        state = self._stages[stage]
        state["shards"] += 1
        state["items"] += done.items
        if fresh:
            # Seconds at which the first and the last shard were there: what a start costs.
            state["last"] = round(time.time() - self._started, 2)
            state["first"] = state["last"] if state["first"] is None else state["first"]
        for step in done.steps:
            known: dict[str, int] = state["rejects"].get(step.step, {})
            new = Counter(known) + Counter(step.rejects)
            if new:
                state["rejects"][step.step] = lumped(new)
        self._new += done.items if fresh else 0
        self._show(stage, done.items)

    def end(self, state: str, error: str | None = None) -> None:
        """Write the last summary; `state` is `finished` or `stopped`."""
        if self._bar is not None:
            self._bar.close()
        self._save(state, error)

    def _show(self, stage: int, items: int) -> None:
        now = time.time()
        if now - self._saved >= _EVERY:
            self._save("running")
        state = self._stages[stage]
        rejected = sum(sum(counts.values()) for counts in state["rejects"].values())
        words = f"{state['stage']}: {state['items']} items, {rejected} rejected"
        if self._bar is not None:
            self._bar.set_description_str(words, refresh=False)
            self._bar.update(items)
        elif now - self._said >= _LINE_EVERY:
            self._said = now
            print(f"{now - self._started:6.0f} s  {words}", file=sys.stderr, flush=True)

    def _make_bar(self) -> Any:
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        return tqdm(unit=" items", smoothing=0.1)

    def _save(self, state: str, error: str | None = None) -> None:
        self._saved = time.time()
        seconds = self._saved - self._started
        summary = {
            "state": state,
            "error": error,
            "seconds": round(seconds, 1),
            "items_per_second": round(self._new / seconds, 1) if seconds > 0 else 0.0,
            "stages": self._stages,
        }
        part = self._path.with_name(self._path.name + ".part")
        with suppress(OSError):  # a summary is a courtesy: a full disk is reported by the work
            part.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
            part.replace(self._path)
