"""One row of instruction data: a conversation about pictures, and everything about its making."""

from typing import Any, Literal

from pydantic import Field

from facellm.core.sample import FaceLabels, Provenance, Record
from facellm.core.splits import Split


class Part(Record):
    """A piece of a message. It never holds the picture itself: that is in the row's `images`."""

    type: Literal["text", "image", "video"]
    text: str | None = None
    """Of a text part; None for a placeholder."""


class Message(Record):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: list[Part]


class Making(Record):
    """How the assistant's text came to be."""

    writer: str
    """Kind of text, such as `exp_cot`."""
    teacher: str = "templates"
    """Who worded it: `templates`, or the name of the model."""
    prompt_hash: str | None = None
    """Hash of the prompt the teacher got; None for templates."""
    raw_output: str | None = None
    """What the teacher said, before anything was cut from it."""
    usage: dict[str, int] | None = None
    """Tokens of all calls for this row, by the teacher's own account."""
    finish_reason: str | None = None
    attempts: int = Field(default=1, ge=1)
    """Texts asked for until one passed verification."""
    agreement: float | None = Field(default=None, ge=0, le=1)
    """Of several teachers or samples; None where one text was asked for."""


class Row(Record):
    """A conversation with its pictures, its gold answer and its provenance."""

    id: str
    """Hash of the sample, the task and the variant: equal inputs give the equal id."""
    sample_ids: list[str]
    images: list[str] = Field(default_factory=list)
    """Paths relative to the folder of the corpus, one for each image part, in order."""
    videos: list[str] = Field(default_factory=list)
    messages: list[Message]
    task: str
    """Task of `facellm.tasks`, or the kind of conversation where no task scores it."""
    truth: dict[str, Any] | None = None
    """The gold answer as JSON; None where nothing can be scored."""
    facts: list[FaceLabels] = Field(default_factory=list)
    """What is known of each face the pictures show, picture by picture from the left: what the
    text is verified against. Never part of a question. Empty: the pictures show no face."""
    weak: bool = False
    """Whether the answer rests on labels that a tool estimated."""
    provenance: Provenance
    split: Split = "train"
    making: Making
