"""What a recipe says about a teacher."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from facellm.core.errors import FaceLLMError

INDIFFERENT = (
    "base_url", "api_key_env", "timeout", "max_retries", "price_in", "price_out", "stop_after",
)  # fmt: skip
"""Options that say where and how patiently is asked, not what: a run goes on with others."""


class TeacherOptions(BaseModel):
    """One teacher: templates, an OpenAI-compatible endpoint, or our own model behind one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: Literal["templates", "endpoint", "own"] = "endpoint"
    """`templates` asks nobody; `own` sends the question and the picture, never the labels."""
    model: str = ""
    """As the server names it."""
    base_url: str | None = None
    """Such as `http://localhost:8000/v1`; None is OpenAI's own. `own` needs that of a server
    started with `facellm serve`."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable with the key; servers without keys need none."""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=512, ge=1)
    seed: int = 0
    """Sent with every request; further samples and repairs count up from it."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More fields of the request body, such as `top_p`."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds for one attempt."""
    max_retries: int = Field(default=2, ge=0)
    """Further attempts by the client after timeouts, lost connections, 408, 409, 429 and 5xx."""
    send_images: bool = False
    """Whether the pictures travel along, as base64; they are personal data."""
    price_in: float = Field(default=0.0, ge=0)
    """Price of a million prompt tokens."""
    price_out: float = Field(default=0.0, ge=0)
    """Price of a million completion tokens."""
    stop_after: int = Field(default=64, ge=1)
    """Calls in a row that the server fails before the run stops; what was finished is kept."""

    @model_validator(mode="after")
    def _complete(self) -> "TeacherOptions":
        if self.kind == "endpoint" and not self.model:
            raise ValueError("an endpoint needs `model`, as the server names it")
        if self.kind == "own" and not (self.base_url and self.model):
            raise ValueError("`own` needs `model` and `base_url` of a server that runs facellm")
        return self

    def key(self) -> str:
        """The API key.

        Raises:
            FaceLLMError: no key for a server of which no address is given.
        """
        key = os.environ.get(self.api_key_env)
        if key is None and self.base_url is None and self.kind == "endpoint":
            raise FaceLLMError(
                f"no {self.api_key_env} in the environment; set it, or name a base_url that "
                "needs no key"
            )
        return key or "none"


def default_cache(folder: Path) -> Path:
    """Where completed calls of a corpus are kept unless a recipe says otherwise."""
    return folder / ".teacher" / "calls.sqlite"
