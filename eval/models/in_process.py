"""Our own model in this process: what `facellm.load` runs, in batches."""

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr

from eval.models.base import shown
from eval.question import Answer, Question
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import Part
from facellm.core.sample import Face
from facellm.faces.crop import overlap

BATCH = 16


class InProcess(Part):
    """A facellm checkpoint."""

    kind: Literal["facellm"] = "facellm"
    path: Path | None = None
    """Model folder; None is the one that ships with the package."""
    landmarks: Literal["given", "found"] = "given"
    """The sample's own points, or those of the finder: what a user would get."""
    finder: str = "builtin"
    finder_model: Path | None = None
    max_tokens: int = 320
    probabilities: bool = True
    """Whether expression questions also get the likelihood of each emotion."""

    _reader: Any = PrivateAttr(default=None)

    @property
    def name(self) -> str:
        """How results call it."""
        return "facellm" if self.path is None else self.path.name

    async def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """See `eval.models.base.Model`."""
        for start in range(0, len(questions), BATCH):
            for answer in self._batch(questions[start : start + BATCH]):
                yield answer

    def reader(self) -> Any:
        """The loaded `FaceReader`, loaded once."""
        if self._reader is None:
            from facellm.reader import load

            self._reader = load(self.path, self.finder, self.finder_model)
        return self._reader

    def _batch(self, questions: Sequence[Question]) -> list[Answer]:
        ready, answers = [], []
        for question in questions:
            try:
                ready.append((question, self._request(question)))
            except FaceLLMError as error:
                answers.append(Answer(id=question.id, text=None, error=str(error)))
        if not ready:
            return answers
        engine = self.reader().engine
        begun = time.perf_counter()
        completions = engine.generate([request for _, request in ready])
        share = (time.perf_counter() - begun) / len(ready)
        likely = self._probabilities(ready)
        for (question, _), completion in zip(ready, completions, strict=True):
            answers.append(
                Answer(
                    id=question.id,
                    text=completion.text,
                    latency=share,
                    completion_tokens=len(engine.tokenizer.encode(completion.text)),
                    probabilities=likely.get(question.id),
                )
            )
        return answers

    def _request(self, question: Question) -> Any:
        from facellm.prompts import Request, landmarks_of

        image, given = shown(question)
        if self.landmarks == "found":
            faces = self._matched(question.sample.id, given, self.reader().finder.find(image))
        else:
            faces = [face for face in given if face.points is not None]
            if len(faces) < len(given):
                raise FaceLLMError(
                    f"sample {question.sample.id} has faces without landmarks; "
                    "use landmarks: found, or a corpus with landmarks"
                )
        return Request(image, landmarks_of(faces), question.text, max_tokens=self.max_tokens)

    def _matched(self, sample_id: str, given: list[Face], found: list[Face]) -> list[Face]:
        """The finder's faces for the faces asked about; more or fewer would renumber them."""
        if len(found) < len(given):
            raise FaceLLMError(
                f"the finder sees {len(found)} of {len(given)} faces in sample {sample_id}"
            )
        return [max(found, key=lambda f: overlap(f.box, face.box)) for face in given]

    def _probabilities(self, ready: Sequence[tuple[Question, Any]]) -> dict[str, dict[str, float]]:
        """The likelihood of each emotion where an expression is asked for."""
        from facellm.tasks import TASKS

        if not self.probabilities:
            return {}
        engine, tree = self.reader().engine, self.reader().emotions
        asked = TASKS["expression"].suffix
        wanted = [(q, r) for q, r in ready if q.text.endswith(asked)]
        looks = [look for _, request in wanted for look in tree.looks(request)]
        done = engine.generate(looks)
        each = len(tree.branches)
        return {
            question.id: tree.probabilities(
                [look.logprobs for look in done[n * each : (n + 1) * each]]
            )
            for n, (question, _) in enumerate(wanted)
        }
