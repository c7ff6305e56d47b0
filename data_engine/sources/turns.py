"""The turns of an imported conversation: roles, text, and the places of its pictures."""

import re
from typing import Literal, NamedTuple

from data_engine.row import Part
from data_engine.sources.entries import JsonRecord
from facellm.core.errors import given

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant",
    "assistant": "assistant", "model": "assistant", "bot": "assistant",
}  # fmt: skip
_TAG = re.compile(r"\s*<(image|video)>\s*")


class Turn(NamedTuple):
    """One turn: who says it, and text and placeholders in their order."""

    role: Role
    content: list[Part]


def read_turns(record: JsonRecord, turns: object) -> list[Turn]:
    """The turns of a list of messages, in either dialect.

    Args:
        record: where they stand.
        turns: `[{"from": "human", "value": "…"}]` or `[{"role": "user", "content": "…"}]`; a
            content may also be a list of parts `{"type": "text" | "image" | "video"}`.

    Raises:
        FaceLLMError: another shape, an unknown role, or a part that holds a picture itself.
    """
    if not isinstance(turns, list) or not turns:
        raise record.error("no turns; expected a list of messages")
    return [_turn(record, number, turn) for number, turn in enumerate(turns, 1)]


def _turn(record: JsonRecord, number: int, turn: object) -> Turn:
    if not isinstance(turn, dict):
        raise record.error(f"turn {number} is {given(turn)}; expected an object")
    name, content = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
    if name not in ROLES:
        raise record.error(
            f"turn {number} has the role {given(name)}; expected one of {', '.join(ROLES)}"
        )
    if isinstance(content, str):
        return Turn(ROLES[name], parts_of(content))
    if isinstance(content, list):
        return Turn(ROLES[name], [_part(record, number, part) for part in content])
    raise record.error(f"turn {number} has no text; expected value or content")


def _part(record: JsonRecord, number: int, part: object) -> Part:
    kind, text = (part.get("type"), part.get("text")) if isinstance(part, dict) else (None, None)
    if kind == "text" and isinstance(text, str):
        return Part(type="text", text=text)
    if kind in ("image", "video"):
        return Part(type=kind)
    raise record.error(
        f"turn {number} has the part {given(part)}; expected text, or image or video as a bare "
        "placeholder whose file is listed in images or videos"
    )


def parts_of(text: str) -> list[Part]:
    """The parts of a text with tags: text and placeholders in their order, no empty text."""
    parts = []
    place = 0
    for match in _TAG.finditer(text):
        parts += _text_part(text[place : match.start()])
        parts.append(Part(type="image" if match[1] == "image" else "video"))
        place = match.end()
    return parts + _text_part(text[place:])


def _text_part(text: str) -> list[Part]:
    return [Part(type="text", text=text.strip())] if text.strip() else []


def check_turns(record: JsonRecord, turns: list[Turn]) -> None:
    """Raise FaceLLMError where the turns are not: perhaps a system text, then user and assistant
    by turns, each saying something, the assistant last and without pictures."""
    roles = [turn.role for turn in turns]
    talk = roles[1:] if roles[:1] == ["system"] else roles
    if not talk or len(talk) % 2 or talk != ["user", "assistant"] * (len(talk) // 2):
        raise record.error(
            f"the roles are {', '.join(roles)}; expected user and assistant by turns, the "
            "assistant last, perhaps a system text before them"
        )
    for number, turn in enumerate(turns, 1):
        if not any(part.type != "text" or (part.text or "").strip() for part in turn.content):
            raise record.error(f"turn {number} says nothing; expected text")
        if turn.role != "user" and any(part.type != "text" for part in turn.content):
            raise record.error(f"turn {number}: {turn.role} shows a picture; expected text only")


def check_tags(record: JsonRecord, turns: list[Turn], images: int, videos: int) -> None:
    """Raise FaceLLMError where the tags are not as many as the files."""
    for kind, files in (("image", images), ("video", videos)):
        count = sum(part.type == kind for turn in turns for part in turn.content)
        if count != files:
            raise record.error(
                f"{count} <{kind}> in the text for {files} {kind} files; expected as many"
            )


def place_tags(turns: list[Turn], images: int, videos: int) -> list[Turn]:
    """Put the pictures in front of the first question where no tag says where they belong."""
    if any(part.type != "text" for turn in turns for part in turn.content):
        return turns
    shown = [Part(type="image")] * images + [Part(type="video")] * videos
    first = next((n for n, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None or not shown:
        return turns
    return [
        Turn(turn.role, [*shown, *turn.content]) if n == first else turn
        for n, turn in enumerate(turns)
    ]
