"""What a teacher is asked: the rules, the conversation so far, the brief, and what to mend."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from data_engine.row import Message
from data_engine.teachers.base import Prompt
from data_engine.verify.claims import Problem
from data_engine.writers.base import Draft
from facellm.core.errors import FaceLLMError

RULES = (
    "You write answers for a data set about faces. The user's message holds what is known of the "
    "picture and the question; the reader of your answer sees the picture and the question alone. "
    "Reply with the answer and nothing else."
)
MEND = (
    "Your answer contradicts what is known or breaks the rules:\n{errors}\n"
    "Write the whole answer again without these errors. Reply with the answer and nothing else."
)
JUDGE = (
    "You check an answer about a face against what is known of the picture. Accept it if every "
    "statement follows from what is known and it answers the question; else reject it and name "
    "the first wrong statement."
)
_TYPES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_Turn = tuple[Literal["system", "user", "assistant"], str]


def said(message: Message) -> str:
    """The text of a message, its placeholders for pictures left out."""
    return " ".join(part.text for part in message.content if part.text)


def data_urls(draft: Draft, folder: Path) -> tuple[str, ...]:
    """The pictures of a draft as base64 data URLs.

    Raises:
        FaceLLMError: a picture that is gone, or of a kind that servers do not take.
    """
    urls = []
    for name in draft.images:
        kind = _TYPES.get(Path(name).suffix.lower())
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise FaceLLMError(f"cannot read the picture {name}: {error.strerror}") from None
        if kind is None:
            raise FaceLLMError(f"{name} is no jpeg, png or webp; convert it before teaching")
        urls.append(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")
    return tuple(urls)


def first_prompt(
    before: Sequence[_Turn],
    question: str,
    brief: str,
    images: tuple[str, ...],
    own: bool,
    sample: int = 0,
) -> Prompt:
    """The prompt for one turn.

    Args:
        before: earlier questions and answers of the conversation.
        question: what the user asks.
        brief: what is known and how to answer; never shown to our own model, which must see it.
        images: data URLs.
        own: whether our own model is asked.
        sample: tells repeated requests apart.
    """
    if own:
        turns = (*before, ("user", question))
    else:
        turns = (("system", RULES), *before, ("user", f"{brief}\n\nQuestion: {question}"))
    return Prompt(messages=turns, images=images, sample=sample)


def repair_prompt(prompt: Prompt, text: str, problems: Sequence[Problem]) -> Prompt:
    """The prompt that shows the teacher its answer with what is wrong in it."""
    errors = "\n".join(f"- {problem.kind}: {problem.detail}" for problem in problems)
    turns = (*prompt.messages, ("assistant", text), ("user", MEND.format(errors=errors)))
    return prompt.model_copy(update={"messages": turns})


def judge_prompt(question: str, brief: str, text: str, schema: dict[str, object]) -> Prompt:
    """The prompt for a judge, whose answer is bound to a schema."""
    asked = f"{brief}\n\nQuestion: {question}\n\nAnswer to check:\n{text}"
    return Prompt(messages=(("system", JUDGE), ("user", asked)), json_schema=schema)
