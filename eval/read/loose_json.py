"""JSON as models write it: in fences, with comments, trailing commas or Python's quotes.

What is loose is the writing, never the meaning: a key given twice, NaN or a missing bracket leaves
a value that cannot be read.
"""

import ast
import json
import re
from collections.abc import Collection, Iterator
from typing import Final, NoReturn

BROKEN: Final = "\x00broken"
"""Stands for a value that was begun and cannot be read."""

_FENCE = re.compile(r"```[A-Za-z0-9]*[ \t]*\n?")
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\\n])*'|//[^\n]*|/\*[\s\S]*?\*/|[{}\[\]]")
_TRAILING = re.compile(r",(?=\s*[}\]])")
_BARE_WORDS = re.compile(
    r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\\n])*'"
    r"|(?P<key>(?<![\w.])[A-Za-z_]\w*(?=\s*:))|(?P<word>\b(?:true|false|null)\b)"
)
_CONSTANTS = {"true": "True", "false": "False", "null": "None"}
_PARTS = re.compile(r"(\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*[\s\S]*?\*/")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _as_python(match: re.Match[str]) -> str:
    """Bare keys in quotes and JSON's constants as Python's; strings as they are."""
    if match["key"]:
        return repr(match["key"])
    return _CONSTANTS.get(match["word"] or "", match[0])


def loads(text: str) -> object:
    """Read one JSON value, or `BROKEN`."""
    bare = _PARTS.sub(lambda match: match[1] or " ", text)
    bare = _TRAILING.sub("", bare)
    try:
        return json.loads(bare, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        pass
    try:
        tree = ast.parse(_BARE_WORDS.sub(_as_python, bare).strip(), mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                _unique([(ast.dump(key) if key else "**", None) for key in node.keys])
        return ast.literal_eval(tree)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return BROKEN


def _objects(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the outermost braces; the last one runs to the end where it is never closed."""
    depth, start = 0, 0
    place = text.find("{")
    while place >= 0:
        match = _TOKEN.search(text, place)
        if match is None:
            break
        place = match.end()
        if match[0] == "{":
            start = match.start() if depth == 0 else start
            depth += 1
        elif match[0] == "}" and depth:
            depth -= 1
            if depth == 0:
                yield start, match.end()
                place = text.find("{", place)
    if depth:
        yield start, len(text)


def split_json(text: str) -> tuple[tuple[object, ...], str, str]:
    """The JSON objects of a text, the text without them, and the text behind the last.

    A list counts where it is the whole text.
    """
    bare = _FENCE.sub("\n", text)
    whole = bare.strip()
    if whole.startswith("["):
        value = loads(whole)
        if value != BROKEN:
            return (value,), "", ""
    values, kept, end = [], [], 0
    for start, stop in _objects(bare):
        values.append(loads(bare[start:stop]))
        kept.append(bare[end:start])
        end = stop
    return tuple(values), "\n".join([*kept, bare[end:]]), bare[end:] if values else ""


def under(value: object, keys: Collection[str]) -> Iterator[object]:
    """The values under any of the keys, at any depth, outermost first."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if str(key).strip().lower().replace(" ", "_") in keys:
                yield inner
            else:
                yield from under(inner, keys)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from under(inner, keys)
