"""Counts what a teacher was asked, what it cost and how it failed."""

from data_engine.teachers.base import Completion
from data_engine.teachers.options import TeacherOptions


class Tally:
    """Calls, tokens and money of one teacher in one process."""

    def __init__(self, options: TeacherOptions) -> None:
        """Start at nothing; prices come from the options."""
        self._options = options
        self.calls = self.cached = self.prompt_tokens = self.completion_tokens = 0
        self.failed: dict[str, int] = {}

    def paid(self, completion: Completion) -> None:
        """Count a call that a server answered."""
        self.calls += 1
        self.prompt_tokens += completion.usage.get("prompt_tokens", 0)
        self.completion_tokens += completion.usage.get("completion_tokens", 0)

    @property
    def cost(self) -> float:
        """What the calls cost, in the currency of the options' prices."""
        options = self._options
        return (
            self.prompt_tokens * options.price_in + self.completion_tokens * options.price_out
        ) / 1e6

    def summary(self) -> dict[str, float | dict[str, int]]:
        """All counts, ready for JSON."""
        return {
            "calls": self.calls, "cached": self.cached, "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens, "cost": round(self.cost, 6),
            "failed": dict(self.failed),
        }  # fmt: skip
