"""What goes in and out at /v1/face; the OpenAPI document is made of these."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from facellm.core.sample import Box, Point
from facellm.evidence_map import EvidenceMap

MOST_FACES = 64
"""Given in one request; each is several questions to the model."""


class GivenFace(BaseModel):
    """A face the client knows already, by its points, its box or both."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    points: list[Point] | None = Field(default=None, min_length=68, max_length=68)
    """68 Multi-PIE points, x, y in pixels of the upright picture; left out, the finder looks for
    them in the box."""
    box: Box | None = None
    """x0, y0, x1, y1; left out, the box around the points."""


class AnalyzeBody(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    image: str = Field(min_length=1)
    """`data:` URL or base64 of an encoded picture."""
    faces: list[GivenFace] | None = Field(default=None, max_length=MOST_FACES)
    """Left out, the server's finder looks."""


class AskBody(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    image: str = Field(min_length=1)
    """`data:` URL or base64 of an encoded picture."""
    question: str
    face: int | None = Field(default=None, ge=1)
    """Ask about this face alone, 1 is the leftmost."""
    stream: bool = False
    """Answer in server-sent events, as OpenAI's API does."""


class Maps(BaseModel):
    """Where the model looked, one entry a face from left to right."""

    maps: list[EvidenceMap]


class Message(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: str | None


class Choice(BaseModel):
    index: int
    message: Message
    finish_reason: Literal["stop", "length"]
    logprobs: None


class TokenCounts(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Answer(BaseModel):
    """A chat completion of OpenAI's API."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: TokenCounts


class Problem(BaseModel):
    message: str
    """One line: what was given, what is expected, what to do."""
    type: str
    param: str | None
    code: int
    """The status of the answer."""


class Failure(BaseModel):
    """Every answer that is no success."""

    error: Problem


STATUSES = {
    400: "The request, the picture or a face in it is not valid",
    401: "No valid API key",
    408: "The body came too slowly",
    413: "The body is too large",
    500: "The server failed",
    503: "Too much at the same time, or the server is about to stop: try again later",
}
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": meaning} for status, meaning in STATUSES.items()
}


def request_body(body: type[BaseModel]) -> dict[str, Any]:
    """The part of an OpenAPI operation that describes its JSON body, complete in itself."""
    schema = body.model_json_schema()
    parts = schema.pop("$defs", {})

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(one) for one in value]
        if isinstance(value, dict):
            name = value.get("$ref", "").removeprefix("#/$defs/")
            return inlined(parts[name]) if name else {k: inlined(v) for k, v in value.items()}
        return value

    content = {"application/json": {"schema": inlined(schema)}}
    return {"requestBody": {"required": True, "content": content}}
