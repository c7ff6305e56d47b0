"""What did not make it into the corpus, counted by step and reason."""

from collections import Counter
from collections.abc import Sequence

from data_engine.export.pictures import Failure
from data_engine.shards import StepCount
from data_engine.step import Reject

_LONGEST = 90
_MOST = 40
"""Different specifics of one kind of reason that are told apart: `contradiction:AU12` is worth a
line of its own, `near_duplicate:ID` for every ID is not."""
_MORE = "…"


class Losses:
    """Counts rejects of the pipeline and failures of the export, with one example of each."""

    def __init__(self, steps: Sequence[StepCount] = ()) -> None:
        """Start at nothing; `steps` is what the run's report says, which the rates are over."""
        self.steps = steps
        self.rejects: Counter[tuple[str, str]] = Counter()
        """By step and reason."""
        self.failures: Counter[str] = Counter()
        """Of the export, by reason."""
        self.examples: dict[tuple[str, str], str] = {}
        """First detail of each kind; failures under the step `export`."""
        self._specifics: Counter[tuple[str, str]] = Counter()

    def reject(self, reject: Reject) -> None:
        """Count what a step took out."""
        step, (kind, sign, specific) = reject.step, reject.reason.partition(":")
        reason = kind
        if sign:
            known = (step, reject.reason) in self.rejects
            if not known and self._specifics[step, kind] <= _MOST:
                self._specifics[step, kind] += 1
                if self._specifics[step, kind] > _MOST:
                    self._lump(step, kind)
            lumped = self._specifics[step, kind] > _MOST
            reason = f"{kind}:{_MORE if lumped else specific}"
        self.rejects[step, reason] += 1
        self._remember(step, reason, reject.detail)

    def _lump(self, step: str, kind: str) -> None:
        """Add up what was told apart so far."""
        for key in [k for k in self.rejects if k[0] == step and k[1].startswith(f"{kind}:")]:
            self.rejects[step, f"{kind}:{_MORE}"] += self.rejects.pop(key)
            self._remember(step, f"{kind}:{_MORE}", self.examples.pop(key))

    def fail(self, failure: Failure) -> None:
        """Count a row that could not be exported."""
        self.failures[failure.reason] += 1
        self._remember("export", failure.reason, failure.detail)

    def _remember(self, step: str, reason: str, detail: str) -> None:
        line = " ".join(detail.split())
        short = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
        self.examples.setdefault((step, reason), short)

    def near_duplicate_rate(self) -> tuple[int, int] | None:
        """Near duplicates and the items they were looked for among.

        None where the run's report names no step that compares pictures.
        """
        looked = [step for step in self.steps if step.step == "near_duplicates"]
        if not looked:
            return None
        near = sum(
            n for (step, reason), n in self.rejects.items()
            if step == "near_duplicates" and reason.split(":")[0] == "near_duplicate"
        )  # fmt: skip
        return near, sum(step.taken for step in looked)
