"""What every task's responses share: the blocks, bare JSON, and the answer for a missing face."""

import re
from typing import Literal

from facellm.core.grammar import ParseFailure, Response, parse_json, parse_response, render_answer
from facellm.core.sample import Record, Sample

Register = Literal["task", "prose"]


class Unanswerable(Record):
    """The answer to a question about a face that is not in the picture."""

    face: int | None = None
    """The face asked for, from 1; None where the picture shows no face at all."""
    count: int | None = None
    """Faces in the picture; None where the answer did not say."""

    def same(self, other: object) -> bool:
        """Whether both say that the same face is missing, whatever count they give."""
        return isinstance(other, Unanswerable) and other.face == self.face


NO_FACE = Unanswerable()
_NO_FACE_PROSE = "No face is visible in this picture."
_MISSING_PROSE = re.compile(
    r"There is no face (?P<face>[0-9]{1,4}) in this picture; "
    r"(?P<count>[0-9]{1,4}) faces? (?:is|are) visible\."
)
_MISSING_CODE = re.compile(r"no face(?: (?P<face>[0-9]{1,4}))?")


def render_unanswerable(answer: Unanswerable, register: Register = "task") -> str:
    """Say which face is missing: a constant sentence, or `{"error": "no face 4"}`."""
    if register == "task":
        error = "no face" if answer.face is None else f"no face {answer.face}"
        return render_answer({"error": error})
    if answer.face is None:
        return _NO_FACE_PROSE
    count = answer.count or 0
    are = "face is" if count == 1 else "faces are"
    return f"There is no face {answer.face} in this picture; {count} {are} visible."


def unanswerable_prose(text: str) -> Unanswerable | None:
    """Read the two constant sentences of `render_unanswerable`; None for any other text."""
    if text.strip() == _NO_FACE_PROSE:
        return NO_FACE
    match = _MISSING_PROSE.fullmatch(text.strip())
    return Unanswerable(face=int(match["face"]), count=int(match["count"])) if match else None


def missing_face(sample: Sample, face: int) -> Unanswerable | None:
    """The answer where the sample lacks this face, None where it has it."""
    count = len(sample.faces)
    if not count:
        return NO_FACE
    return None if 1 <= face <= count else Unanswerable(face=face, count=count)


def read_blocks(text: str) -> Response | Unanswerable | ParseFailure | None:
    """Read the task register or a bare JSON object; None for text that is neither.

    Structured output of a server is a bare object, so it is as good as one in an answer block.
    """
    body = text.strip()
    if body.startswith("{"):
        payload = parse_json(body)
        if isinstance(payload, ParseFailure):
            return payload
        response: Response | ParseFailure = Response(thought=None, answer=payload)
    elif "<think>" in body or "<answer>" in body or "</" in body:
        response = parse_response(text)
    else:
        return unanswerable_prose(text)
    if isinstance(response, Response) and set(response.answer) == {"error"}:
        match = _MISSING_CODE.fullmatch(str(response.answer["error"]))
        if match is None:
            return ParseFailure(reason="an unknown error in the answer", text=text)
        return Unanswerable(face=int(match["face"]) if match["face"] else None)
    return response
