"""The task register of answers: a think block of evidence lines and one JSON answer block.

    <think>
    brows: inner corners raised (AU1, marked); lowered and drawn together (AU4, slight)
    absent: AU12
    AU1 + AU4 together indicate sadness.
    </think>
    <answer>{"emotion": "sadness"}</answer>

Reading is strict. Text outside the grammar becomes a `ParseFailure` with a reason: a value, not an
exception, because a model that writes nonsense is a result to be scored and counted.
"""

import json
import re
from functools import lru_cache
from typing import NoReturn

from pydantic import ValidationError

from facellm.core.evidence import FACE_ORDER, SIDES, Side, Statement, Thought, region_name
from facellm.core.facs import ACTION_UNITS, INTENSITY_WORDS, intensity_of, intensity_word
from facellm.core.sample import Record

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
ABSENT = "absent"
REGION_OF_NAME = {region_name(region): region for region in FACE_ORDER}
CITATION = r"\((AU[1-9][0-9]?)((?:, [a-z]+)*)\)"
"""A citation as text holds it: the code, then what follows it."""
_ITEM = re.compile(r"([^;()<>]+) " + CITATION)
_CODE = re.compile(r"AU([1-9][0-9]?)")
_RESPONSE = re.compile(r"\s*(<think>.*?</think>)?\s*(<answer>.*?</answer>)\s*", re.DOTALL)


class ParseFailure(Record):
    """Text that is not in the grammar."""

    reason: str
    """What is wrong, in one line."""
    text: str
    """What was given."""


class Response(Record):
    """Both blocks of a response."""

    thought: Thought | None
    """None where the response has no think block."""
    answer: dict[str, object]


def cite(statement: Statement) -> str:
    """The citation of a statement, such as `(AU12, marked)`; shared by both registers."""
    side = statement.side
    if side is not None and statement.region.partition("_")[0] == side:
        side = None
    return _citation(statement.action_unit, statement.intensity, side)


@lru_cache(1 << 12)  # units, whole steps and sides: most texts of a corpus share a few hundred
def _citation(action_unit: int, intensity: float | None, side: Side | None) -> str:
    words = [f"AU{action_unit}"]
    if intensity is not None:
        words.append(intensity_word(intensity))
    if side is not None:
        words.append(side)
    return f"({', '.join(words)})"


def read_citation(code: str, details: str) -> tuple[int, float | None, Side | None] | str:
    """Unit, intensity and side from `AU12` and `, marked, left`, or the reason why not."""
    number = int(code[2:])
    if number not in ACTION_UNITS:
        return f"{code} is not a known action unit"
    words = [word.strip() for word in details.split(",")[1:]]
    intensity = intensity_of(words.pop(0)) if words and words[0] in INTENSITY_WORDS else None
    side = next((s for s in SIDES if words == [s]), None)
    if words and side is None:
        return f"{words[0]!r} in the citation of {code} is neither an intensity nor a side"
    return number, intensity, side


def render_think(thought: Thought) -> str:
    """Write the think block: one line a region from top to bottom, what is absent, why."""
    lines = []
    for region in dict.fromkeys(s.region for s in thought.statements):
        items = [f"{s.text} {cite(s)}" for s in thought.statements if s.region == region]
        lines.append(f"{region_name(region)}: {'; '.join(items)}")
    if thought.absent:
        lines.append(f"{ABSENT}: {', '.join(f'AU{n}' for n in thought.absent)}")
    if thought.conclusion:
        lines.append(thought.conclusion)
    return "\n".join([TAGS[0], *lines, TAGS[1]])


def _read_line(name: str, rest: str) -> list[Statement] | str:
    region = REGION_OF_NAME.get(name.strip())
    if region is None:
        return f"{name.strip()!r} is not a face region"
    statements = []
    for item in rest.split(";"):
        statement = _read_item(region, item.strip())
        if isinstance(statement, str):
            return statement
        statements.append(statement)
    return statements


@lru_cache(1 << 12)  # most statements are in the words of the table
def _read_item(region: str, item: str) -> Statement | str:
    match = _ITEM.fullmatch(item)
    if match is None:
        return f"{item!r} is not 'what is seen (AUn, intensity)'"
    cited = read_citation(match[2], match[3])
    if isinstance(cited, str):
        return cited
    number, intensity, side = cited
    try:
        return Statement(
            region=region,
            text=match[1].strip(),
            action_unit=number,
            intensity=intensity,
            side=side,
        )
    except ValidationError as error:
        return first_error(error)


def _read_absent(rest: str) -> list[int] | str:
    matches = [_CODE.fullmatch(code.strip()) for code in rest.split(",")]
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) < len(matches):
        return f"{rest.strip()!r} is not a list of action units"
    return numbers


def first_error(error: ValidationError) -> str:
    """The first complaint of a validation error, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ").replace("\n", " ")
    return f"{where}: {message}" if where else message


def parse_think(text: str) -> Thought | ParseFailure:
    """Read one think block, tags included; the opposite of `render_think`.

    A line with a colon is evidence (or `absent`); one line without may close the block.
    """
    inner = _inside(text, "think")
    if isinstance(inner, ParseFailure):
        return inner
    statements: list[Statement] = []
    absent: list[int] = []
    lines = [line.strip() for line in inner.split("\n") if line.strip()]
    if not lines:
        return ParseFailure(reason="the think block is empty", text=text)
    conclusion = "" if ":" in lines[-1] else lines.pop()
    for line in lines:
        name, colon, rest = line.partition(":")
        if not colon:
            return ParseFailure(
                reason=f"{line!r} has no region and is not the last line", text=text
            )
        found = _read_absent(rest) if name.strip() == ABSENT else _read_line(name, rest)
        if isinstance(found, str):
            return ParseFailure(reason=found, text=text)
        for entry in found:
            if isinstance(entry, Statement):
                statements.append(entry)
            else:
                absent.append(entry)
    try:
        return Thought(statements=tuple(statements), absent=tuple(absent), conclusion=conclusion)
    except ValidationError as error:
        return ParseFailure(reason=first_error(error), text=text)


def _inside(text: str, tag: str) -> str | ParseFailure:
    body = text.strip()
    opening, closing = f"<{tag}>", f"</{tag}>"
    if not (body.startswith(opening) and body.endswith(closing)):
        return ParseFailure(reason=f"text is not one {opening} … {closing} block", text=text)
    inner = body[len(opening) : -len(closing)]
    if any(known in inner for known in TAGS):
        return ParseFailure(reason=f"a tag inside the {tag} block", text=text)
    return inner


def render_answer(answer: dict[str, object]) -> str:
    """Write the answer block; whole floats lose their `.0`, `<` is escaped so tags stay unique.

    Raises:
        ValueError: values that JSON cannot hold, such as NaN.
    """
    text = _ENCODER.encode(_plain(answer))
    return f"{TAGS[2]}{text.replace('<', chr(92) + 'u003c')}{TAGS[3]}"


def _plain(value: object) -> object:
    """Whole floats as integers: `3`, as a person writes an intensity, is also one token shorter."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("a key is given twice")
    return dict(pairs)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def parse_json(text: str) -> dict[str, object] | ParseFailure:
    """Read a JSON object, strictly: no comments, no NaN, no key twice, nothing around it."""
    try:
        # What `json.loads` makes anew for every text, and its only check before.
        value = (json.loads if text.startswith("\ufeff") else _DECODER.decode)(text)
    except (ValueError, RecursionError) as error:
        return ParseFailure(reason=f"the answer is not valid JSON: {error}", text=text)
    if not isinstance(value, dict):
        return ParseFailure(reason="the answer is JSON but not an object", text=text)
    return value


def parse_answer(text: str) -> dict[str, object] | ParseFailure:
    """Read one answer block, tags included; the opposite of `render_answer`."""
    inner = _inside(text, "answer")
    if isinstance(inner, ParseFailure):
        return inner
    value = parse_json(inner)
    return (
        ParseFailure(reason=value.reason, text=text) if isinstance(value, ParseFailure) else value
    )


def parse_response(text: str) -> Response | ParseFailure:
    """Read a whole response: at most one think block, then exactly one answer block, no more."""
    counts = {tag: text.count(tag) for tag in TAGS}
    if counts["<answer>"] != 1 or counts["</answer>"] != 1:
        return ParseFailure(
            reason=f"expected exactly one answer block, found {counts['<answer>']}", text=text
        )
    if counts["<think>"] > 1 or counts["</think>"] > 1:
        return ParseFailure(reason="more than one think block, or a nested one", text=text)
    match = _RESPONSE.fullmatch(text)
    if match is None:
        return ParseFailure(reason="text outside the blocks, or a block left open", text=text)
    thought = parse_think(match[1]) if match[1] is not None else None
    answer = parse_answer(match[2])
    for part in (thought, answer):
        if isinstance(part, ParseFailure):
            return ParseFailure(reason=part.reason, text=text)
    assert not isinstance(thought, ParseFailure) and not isinstance(answer, ParseFailure)
    return Response.trusted(thought=thought, answer=answer)


def render_response(thought: Thought | None, answer: dict[str, object]) -> str:
    """Write both blocks; None leaves the think block out."""
    block = render_answer(answer)
    return block if thought is None else f"{render_think(thought)}\n{block}"
