"""Our own model in this process: what `facellm.load` runs, in batches."""

import random
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import PrivateAttr

from eval.clips import shown_frames
from eval.models.base import shown
from eval.question import Answer, Question
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import Part
from facellm.core.sample import Face, FaceLabels
from facellm.faces.crop import overlap

BATCH = 16
MainFace = tuple[int, float, Image.Image, Face | None]
"""Of a frame the count of frames before it, seconds, the picture, and the face asked about."""
READ = ("dynamics", "expression")
"""Tasks about clips that are answered from readings of single frames."""


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
    clips: Literal["read", "together"] = "read"
    """`read`: frame by frame as `describe_video` does; `dynamics` is answered with the events of
    the main face, `expression` with the mean of its probabilities; other tasks see all frames in
    one prompt. `together`: all tasks do."""

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
                if question.shots is not None and self.clips == "read" and question.task in READ:
                    answers.append(self._read(question))
                else:
                    ready.append((question, self._request(question)))
            except FaceLLMError as error:
                answers.append(Answer(id=question.id, text=None, error=str(error)))
        if not ready:
            return answers
        engine = self.reader().engine
        begun = time.perf_counter()
        try:
            completions = engine.generate([request for _, request in ready])
        except FaceLLMError as error:  # one of them cannot be asked, such as a prompt too long
            if len(ready) == 1:
                return [*answers, Answer(id=ready[0][0].id, text=None, error=str(error))]
            return answers + [answer for question, _ in ready for answer in self._batch([question])]
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

        if question.shots is not None:
            return self._together(question)
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

    def _main_face(self, question: Question) -> list[MainFace]:
        """The frames of a clip with its first face where it has any, else the largest one found.

        Raises:
            FaceLLMError: a clip that cannot be read, a face without points, or no face at all.
        """
        from facellm.prompts import largest

        shown = []
        for number, seconds, image, given in shown_frames(question):
            if given is None or self.landmarks == "found":
                given = largest(self.reader().finder.find(image), 1)
            shown.append((number, seconds, image, given[0] if given else None))
        there = [face for *_, face in shown if face is not None]
        if not there:
            raise FaceLLMError(
                f"no face in any of the {len(shown)} frames shown of clip {question.sample.id}"
            )
        if any(face.points is None for face in there):
            raise FaceLLMError(
                f"clip {question.sample.id} has faces without landmarks; use landmarks: found"
            )
        return shown

    def _together(self, question: Question) -> Any:
        """All frames in one prompt, each with the main face."""
        from facellm.prompts import about_clip, landmarks_of

        frames = [
            (seconds, image, landmarks_of([face] if face else []))
            for _, seconds, image, face in self._main_face(question)
        ]
        return about_clip(frames, question.text, max_tokens=self.max_tokens)

    def _read(self, question: Question) -> Answer:
        """The answer about a clip from what is read of each frame."""
        shown, begun = self._main_face(question), time.perf_counter()
        report = self.reader().describe_frames(shown)
        likely = None
        if question.task == "dynamics":
            labels = FaceLabels(events=tuple(one.event for one in report.events))
        else:
            seen = [face.expression for frame in report.frames for face in frame.report.faces]
            likely = {
                word: sum(one.probabilities[word] for one in seen) / len(seen)
                for word in seen[0].probabilities
            }
            labels = FaceLabels(emotion=max(likely, key=lambda word: likely[word]))
        return Answer(
            id=question.id,
            text=_as_answer(question, labels),
            latency=time.perf_counter() - begun,
            probabilities=likely if self.probabilities else None,
        )

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


def _as_answer(question: Question, labels: FaceLabels) -> str:
    """What was read in the grammar of the question's task."""
    from facellm.tasks import TASKS

    task = TASKS[question.task]
    face = question.sample.faces[0].model_copy(update={"labels": labels})
    answer = task.target(question.sample.model_copy(update={"faces": [face]}), random.Random(0))
    assert answer is not None, "the labels are those that the task asks about"
    return task.render(answer)
