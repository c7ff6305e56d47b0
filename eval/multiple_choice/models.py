"""Who answers multiple-choice questions: an endpoint, a file of answers, the commonest letter."""

import base64
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from eval.models.endpoint import Endpoint
from eval.models.table import read_table
from eval.multiple_choice.questions import ChoiceQuestion, predictions_in
from eval.question import Answer
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part
from facellm.faces import load_image


class ChoiceEndpoint(Endpoint):
    """A chat model that others serve; pictures go before the question, in its order."""

    async def answers(self, questions: Sequence[Any]) -> AsyncIterator[Answer]:
        """See `Endpoint.answers`.

        Raises:
            FaceLLMError: as there; pictures that are not there, before anything is asked.
        """
        missing = [(q, path) for q in questions for path in q.images if not path.is_file()]
        if missing:
            question, path = missing[0]
            raise FaceLLMError(
                f"{len({q.id for q, _ in missing})} of {len(questions)} questions lack pictures, "
                f"first {question.id}: no {path}; get them, or ask only some categories"
            )
        async for answer in super().answers(questions):
            yield answer

    def _messages(self, question: Any) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": _data_url(path)}} for path in question.images
        ]
        parts.append({"type": "text", "text": question.text})
        chat: list[dict[str, Any]] = [{"role": "user", "content": parts}]
        return [{"role": "system", "content": self.system}, *chat] if self.system else chat


def _data_url(path: Path) -> str:
    load_image(path)  # a file that is no picture is an error of ours, not of the server
    kind = "png" if path.suffix.lower() == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


class ChoicePredictions(Part):
    """Raw answers that were kept: a table, or FaceXBench's own files with a `prediction` each."""

    kind: Literal["stored"] = "stored"
    path: Path
    id: str = "id"
    """Column with `<file>/<number>`."""
    text: str = "text"
    """Column with the raw answer."""

    async def answers(self, questions: Sequence[ChoiceQuestion]) -> AsyncIterator[Answer]:
        """One answer a question; those without a prediction say so.

        Raises:
            FaceLLMError: an unreadable file, a missing column, two answers to one question, or
                none to any.
        """
        found = self._found()
        if not any(question.id in found for question in questions):
            raise FaceLLMError(
                f"{self.path}: none of its {len(found)} predictions is about a question such as "
                f"{given(questions[0].id)}"
            )
        for question in questions:
            text = found.get(question.id)
            error = None if text is not None else f"{self.path.name} has no prediction for it"
            yield Answer(id=question.id, text=text, error=error)

    def _found(self) -> dict[str, str]:
        if self.path.is_dir():
            return predictions_in(self.path)
        found: dict[str, str] = {}
        for row in read_table(self.path):
            missing = [column for column in (self.id, self.text) if column not in row.cells]
            if missing:
                raise FaceLLMError(f"{row.where} has no column {missing[0]!r}")
            key = str(row.cells[self.id])
            if key in found:
                raise FaceLLMError(f"{row.where}: a second answer to {given(key)}")
            found[key] = str(row.cells[self.text])
        return found


class ChoiceGuess(Part):
    """The commonest right letter, or the right one itself, which must score 1.0."""

    kind: Literal["majority", "gold"]

    async def answers(self, questions: Sequence[ChoiceQuestion]) -> AsyncIterator[Answer]:
        """One letter a question."""
        commonest = Counter(question.gold for question in questions).most_common(1)[0][0]
        for question in questions:
            text = commonest if self.kind == "majority" else question.gold
            yield Answer(id=question.id, text=text)
