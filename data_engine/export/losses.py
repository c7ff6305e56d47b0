"""What did not make it into the corpus, counted by step and reason."""

from collections import Counter

from data_engine.export.pictures import Failure
from data_engine.step import Reject

NEAR, EXACT = "near_duplicate", "exact_duplicate"
_LONGEST = 90


class Losses:
    """Counts rejects of the pipeline and failures of the export, with one example of each."""

    def __init__(self) -> None:
        self.rejects: Counter[tuple[str, str]] = Counter()
        """By step and reason."""
        self.failures: Counter[str] = Counter()
        """Of the export, by reason."""
        self.examples: dict[tuple[str, str], str] = {}
        """First detail of each kind; failures under the step `export`."""

    def reject(self, reject: Reject) -> None:
        """Count what a step took out."""
        self.rejects[reject.step, reject.reason] += 1
        self._remember(reject.step, reject.reason, reject.detail)

    def fail(self, failure: Failure) -> None:
        """Count a row that could not be exported."""
        self.failures[failure.reason] += 1
        self._remember("export", failure.reason, failure.detail)

    def _remember(self, step: str, reason: str, detail: str) -> None:
        line = " ".join(detail.split())
        short = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
        self.examples.setdefault((step, reason), short)

    def duplicates(self, kind: str) -> int:
        """Rejects of a kind of duplicate, `NEAR` or `EXACT`, of any step."""
        return sum(n for (_, r), n in self.rejects.items() if r.split(":")[0] == kind)

    def near_duplicate_rate(self, pictures: int) -> float | None:
        """Near duplicates over near duplicates and the `pictures` that were kept.

        None where no reject tells of a duplicate: whether anyone looked for them is not known.
        """
        near, exact = self.duplicates(NEAR), self.duplicates(EXACT)
        return near / (near + pictures) if near or exact else None
