"""What a teacher is: something that completes a prompt, and says why where it did not.

A call that fails is a value (`CallFailure`), not an exception: a teacher that times out, refuses or
drifts off its schema is a result to be counted. Only what the user must mend raises.
"""

import hashlib
import json
from typing import Any, Literal, Protocol

from pydantic import Field

from facellm.core.sample import Record

Reason = Literal[
    "timeout", "connection", "rate_limit", "server_error", "bad_request", "html",
    "refusal", "empty", "repetition", "length", "schema",
]  # fmt: skip
TRANSPORT = frozenset(("timeout", "connection", "rate_limit", "server_error", "html"))
"""Reasons that lie with the server: many in a row mean that it is gone."""


class Prompt(Record):
    """One request to a teacher."""

    messages: tuple[tuple[Literal["system", "user", "assistant"], str], ...]
    """Role and text, in order; pictures go before the first user text."""
    images: tuple[str, ...] = ()
    """Data URLs; empty where pictures are not sent."""
    json_schema: dict[str, Any] | None = None
    """Of the answer, where it must be JSON."""
    sample: int = Field(default=0, ge=0)
    """Tells repeated requests for the same prompt apart; also moves the seed."""

    def hash(self) -> str:
        """Short content hash, as a row keeps it."""
        content = json.dumps([self.messages, self.images, self.json_schema], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class Completion(Record):
    """What a teacher said."""

    text: str
    usage: dict[str, int]
    """`prompt_tokens` and `completion_tokens`, by the server's own account."""
    finish_reason: str | None
    model: str


class CallFailure(Record):
    """A call that gave nothing to use."""

    reason: Reason
    detail: str = ""
    """One line for a person."""
    completion: Completion | None = None
    """What came back and was paid for, where anything did."""


class Teacher(Protocol):
    """Anything that completes prompts; safe to call many times at once from one event loop."""

    name: str

    async def complete(self, prompt: Prompt) -> Completion | CallFailure:
        """Complete a prompt.

        Raises:
            FaceLLMError: what no other prompt would change, such as a wrong key or model name.
        """

    async def close(self) -> None:
        """Release connections and files."""
