"""Looks at what a server sent back and says what is wrong with it, if anything."""

import json
import re
from collections import Counter
from typing import Any

from data_engine.teachers.base import CallFailure, Completion

_REFUSAL = re.compile(
    r"^\W*(?:(?:i'?m|i am) (?:sorry|unable|not able)|sorry\b|"
    r"i (?:cannot|can't|can not|won't|will not|must decline)|as an ai\b|"
    r"unfortunately,? i\b|i apologi[sz]e)",
    re.I,
)
_HTML = re.compile(r"^\s*(?:<!doctype html|<html\b|<head\b|<body\b)", re.I)
_WORD = re.compile(r"\w+")
WINDOW = 6
"""Words of a phrase that should not come back again and again."""
MOST_REPEATS = 4
"""Times that one phrase may occur."""


def looks_like_html(body: str) -> bool:
    """Whether a body is a web page: a proxy's error, a login form, a wrong address."""
    return _HTML.match(body) is not None


def repeats_itself(text: str) -> bool:
    """Whether a text has fallen into a loop: one phrase of six words more than four times."""
    words = _WORD.findall(text.lower())
    if len(words) < WINDOW * MOST_REPEATS:
        return False
    grams = Counter(tuple(words[n : n + WINDOW]) for n in range(len(words) - WINDOW + 1))
    return max(grams.values()) > MOST_REPEATS


def read_body(body: str, model: str) -> Completion | CallFailure:
    """Read the body of a chat completion; anything that is none is a failure, never an error."""
    if looks_like_html(body):
        return CallFailure(reason="html", detail="the server sent a web page instead of JSON")
    try:
        payload = json.loads(body)
        choice = payload["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
        finish, usage = choice.get("finish_reason"), payload.get("usage")
        named = payload.get("model") or model
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return CallFailure(reason="schema", detail="the server's answer is no chat completion")
    tokens = usage if isinstance(usage, dict) else {}
    completion = Completion(
        text=_sound(text) if isinstance(text, str) else "",
        usage={k: _count(tokens.get(k)) for k in ("prompt_tokens", "completion_tokens")},
        finish_reason=_sound(finish) if isinstance(finish, str) else None,
        model=_sound(str(named)),
    )
    if refusal or completion.finish_reason == "content_filter":
        return CallFailure(reason="refusal", detail=_sound(str(refusal or "content filter"))[:200],
                           completion=completion)  # fmt: skip
    return completion


def _sound(text: str) -> str:
    """The text without halves of characters, which JSON can hold and no file can."""
    return text.encode(errors="replace").decode()


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def judge_completion(
    completion: Completion, schema: dict[str, Any] | None = None, refusal_wanted: bool = False
) -> Completion | CallFailure:
    """The completion itself, or the reason why its text is of no use.

    Args:
        completion: as the server or the cache gave it.
        schema: set where the text must be a JSON object; its required keys are looked for.
        refusal_wanted: in conversations whose right answer is that a picture cannot tell.
    """
    text, reason, detail = completion.text.strip(), None, ""
    if not text:
        reason, detail = "empty", "the teacher said nothing"
    elif repeats_itself(text):
        reason, detail = "repetition", "the text repeats itself"
    elif completion.finish_reason == "length":
        reason, detail = "length", "the text was cut at the limit of tokens"
    elif looks_like_html(text):
        reason, detail = "html", "the text is a web page"
    elif _REFUSAL.match(text) and not refusal_wanted:
        reason, detail = "refusal", text[:120]
    elif schema is not None and (missing := _off_schema(text, schema)):
        reason, detail = "schema", missing
    if reason is None:
        return completion
    return CallFailure(reason=reason, detail=detail, completion=completion)  # type: ignore[arg-type]


def _off_schema(text: str, schema: dict[str, Any]) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "the text is not JSON"
    if not isinstance(value, dict):
        return "the text is JSON but no object"
    missing = [key for key in schema.get("required", ()) if key not in value]
    return f"the answer lacks {missing[0]!r}" if missing else ""
