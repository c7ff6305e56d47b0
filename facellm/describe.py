"""From faces to a `FaceReport`: which questions are asked and how the answers are put together.

    picture, faces ── requests ──► engine or server ── completions ──► report

Each face is shown alone and asked three questions of the task register (`action_units`,
`reasoning`, `caption`), so faces of one picture cannot be confused. The expression's probabilities
come from a fourth question (`expression`): the likelihood of the eight nouns where its answer names
the emotion. After the written-out evidence they would be near 0 and 1 and say nothing.
"""

from collections.abc import Sequence
from itertools import islice

from PIL import Image

from facellm.core.emotions import EMOTIONS
from facellm.core.evidence import Thought
from facellm.core.grammar import ParseFailure
from facellm.core.report import Evidence, Expression, FaceReading, FaceReport
from facellm.core.sample import Face
from facellm.prompts import Completion, Request, Tokenizer, WordTree, landmarks_of
from facellm.tasks import TASKS
from facellm.tasks.response import Unanswerable

GENERATED = ("action_units", "reasoning", "caption")
REASON_LIMIT = 120
"""Characters of a parse failure's reason that a warning repeats."""


class Describer:
    """Asks about faces and reads the answers. Stateless after construction."""

    def __init__(self, tokenizer: Tokenizer, temperature: float = 1.0) -> None:
        """`temperature` is the model's `expression_temperature`."""
        before, after = '<answer>{"emotion": "', '"}</answer>'
        self.emotions = WordTree(tokenizer, before, EMOTIONS, after, temperature)

    def requests(self, image: Image.Image, faces: Sequence[Face]) -> list[Request]:
        """All requests for a picture, the same number for each face, face by face."""
        return [request for face in faces for request in self._about(image, face)]

    def _about(self, image: Image.Image, face: Face) -> list[Request]:
        landmarks = landmarks_of([face])
        asked = [
            Request(image, landmarks, TASKS[name].canonical_question(None)) for name in GENERATED
        ]
        question = TASKS["expression"].canonical_question(None)
        return asked + self.emotions.looks(Request(image, landmarks, question))

    def report(
        self,
        image: Image.Image,
        faces: Sequence[Face],
        completions: Sequence[Completion],
        finder: str,
        model: str,
    ) -> FaceReport:
        """Put the answers together.

        Args:
            image: the picture.
            faces: its faces from left to right.
            completions: the answers to `requests(image, faces)`, in that order.
            finder: name of the finder, for the record.
            model: name of the model, for the record.

        An answer outside the grammar leaves a line in `warnings` and its part of the report empty;
        action units are then taken from the evidence, if that could be read.
        """
        warnings: list[str] = []
        remaining = iter(completions)
        each = len(GENERATED) + len(self.emotions.branches)
        readings = [
            self._reading(index, face, list(islice(remaining, each)), warnings)
            for index, face in enumerate(faces, 1)
        ]
        return FaceReport(
            width=image.width,
            height=image.height,
            faces=readings,
            finder=finder,
            model=model,
            warnings=warnings,
        )

    def _reading(
        self, index: int, face: Face, answers: list[Completion], warnings: list[str]
    ) -> FaceReading:
        units, reasoning, caption = answers[: len(GENERATED)]
        looks = [answer.logprobs for answer in answers[len(GENERATED) :]]
        probabilities = self.emotions.probabilities(looks)
        label = max(probabilities, key=lambda word: probabilities[word])
        problems: list[str] = []
        unread: list[str] = []
        evidence = _evidence(reasoning, label, problems, unread)
        x0, y0, x1, y1 = face.box  # a hundredth of a pixel is finer than any finder
        reading = FaceReading(
            index=index,
            box=(round(x0, 2), round(y0, 2), round(x1, 2), round(y1, 2)),
            points=[(round(x, 2), round(y, 2)) for x, y in face.points or []],
            confidence=face.confidence,
            expression=Expression(label=label, probabilities=probabilities),
            action_units=_units(units, evidence, problems, unread),
            evidence=evidence,
            text=_text(caption, problems),
            answers={name: one.text for name, one in zip(GENERATED, answers, strict=False)},
            unread=unread,
        )
        warnings += [f"face {index}: {problem}" for problem in problems]
        return reading


def _units(
    answer: Completion, evidence: Sequence[Evidence], problems: list[str], unread: list[str]
) -> dict[str, float]:
    parsed = TASKS["action_units"].parse(answer.text)
    if not isinstance(parsed, ParseFailure | Unanswerable):
        return {f"AU{n}": value for n, value in sorted(parsed.units.items()) if value > 0}
    unread.append("action_units")
    problem = f"the action units could not be read: {_reason(answer, parsed)}"
    units = {e.action_unit: e.intensity for e in evidence if e.action_unit and e.intensity}
    problems.append(f"{problem}; those of the evidence stand in for them" if units else problem)
    return units


def _evidence(
    answer: Completion, label: str, problems: list[str], unread: list[str]
) -> list[Evidence]:
    parsed = TASKS["reasoning"].parse(answer.text)
    if isinstance(parsed, ParseFailure | Unanswerable):
        unread.append("evidence")
        problems.append(f"the evidence could not be read: {_reason(answer, parsed)}")
        return []
    if parsed.emotion != label:
        problems.append(f"the evidence was read as {parsed.emotion}, the expression as {label}")
    thought = parsed.thought or Thought()
    return [
        Evidence(
            text=statement.text,
            region=statement.region,
            action_unit=f"AU{statement.action_unit}",
            intensity=statement.intensity,
        )
        for statement in thought.statements
    ]


def _text(answer: Completion, problems: list[str]) -> str:
    if not answer.finished:
        problems.append(f"the description was cut off after {len(answer.text)} characters")
    return answer.text.strip()


def _reason(answer: Completion, failure: ParseFailure | Unanswerable) -> str:
    if isinstance(failure, Unanswerable):
        return "the model says that it sees no such face"
    reason = failure.reason.replace("\n", " ")
    reason = reason if len(reason) <= REASON_LIMIT else reason[:REASON_LIMIT] + "…"
    return reason if answer.finished else f"cut off; {reason}"
