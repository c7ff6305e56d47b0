"""From questions and answers to rows and numbers: parsing, scores, metrics. No pictures."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from eval.fairness import Audit
from eval.foreign import read_foreign
from eval.question import Answer, Question
from facellm.core.grammar import ParseFailure
from facellm.core.sample import Record
from facellm.core.statistics import Interval
from facellm.tasks import TASKS
from facellm.tasks.base import Scored
from facellm.tasks.response import Unanswerable


class Result(Record):
    """The numbers of one model on one benchmark."""

    model: str
    benchmark: str
    task: str
    asked: int
    answered: int
    """Questions that got any answer; with fewer than `asked` the result is partial."""
    unparsed: int
    """Answers that `read_foreign` cannot read; they score 0."""
    failures: dict[str, int]
    """Why answers could not be parsed or did not come → how often, commonest first."""
    extra_rows: int = 0
    """Rows of a prediction table about faces that the benchmark does not ask about."""
    metrics: dict[str, Interval]
    fairness: tuple[Audit, ...] = ()
    """The score in the groups that the source labels; `eval.fairness_report` puts it in words."""

    @property
    def partial(self) -> bool:
        """Whether questions are still without an answer."""
        return self.answered < self.asked


def score_answers(
    task_name: str, questions: Sequence[Question], answers: dict[str, Answer]
) -> list[Scored[Any] | None]:
    """Read and score; None where no answer came. All models' answers go through the same door."""
    task = TASKS[task_name]
    scored: list[Scored[Any] | None] = []
    for question in questions:
        answer = answers.get(question.id)
        if answer is None or answer.text is None:
            scored.append(None)
        else:
            prediction = read_foreign(task_name, answer.text)
            score = task.score(prediction, question.gold)
            scored.append(Scored(prediction, question.gold, score, question.subject_id))
    return scored


def summarise(
    model: str,
    benchmark: str,
    task: str,
    questions: Sequence[Question],
    answers: dict[str, Answer],
    scored: Sequence[Scored[Any] | None],
) -> Result:
    """Numbers over what was answered; what was not is counted."""
    known = [one for one in scored if one is not None]
    reasons: Counter[str] = Counter()
    for question, one in zip(questions, scored, strict=True):
        answer = answers.get(question.id)
        if one is None:
            reasons["no answer: " + _short(answer.error if answer else "not asked yet")] += 1
        elif isinstance(one.prediction, ParseFailure):
            reasons["unparsed: " + _short(one.prediction.reason)] += 1
    return Result(
        model=model,
        benchmark=benchmark,
        task=task,
        asked=len(questions),
        answered=len(known),
        unparsed=sum(isinstance(one.prediction, ParseFailure) for one in known),
        failures=dict(reasons.most_common()),
        metrics=TASKS[task].metrics(known),
    )


def _short(reason: str | None) -> str:
    """A reason without what varies from answer to answer, so that equal ones count together."""
    text = " ".join((reason or "unknown").split())
    return text if len(text) <= 100 else text[:99] + "…"


def rows_of(
    model: str,
    benchmark: str,
    questions: Sequence[Question],
    answers: dict[str, Answer],
    scored: Sequence[Scored[Any] | None],
) -> list[dict[str, Any]]:
    """One row a question for `samples.parquet`; names as inspect_ai has them."""
    rows = []
    for question, one in zip(questions, scored, strict=True):
        answer = answers.get(question.id) or Answer(id=question.id, text=None, error="not asked")
        face = question.sample.faces[question.face - 1] if question.sample.faces else None
        rows.append(
            {
                "model": model,
                "benchmark": benchmark,
                "id": question.id,
                "sample_id": question.sample.id,
                "face": question.face,
                "subject_id": question.subject_id,
                "groups": json.dumps((face.labels.groups if face else None) or {}),
                "image": question.sample.image,
                "question": question.text,
                "target": question.gold_json,
                "raw": answer.text,
                "answer": _prediction(one),
                "explanation": _explanation(one, answer),
                "value": one.score.value if one else None,
                "parts": json.dumps(one.score.parts if one else {}),
                "latency": answer.latency,
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
                "probabilities": json.dumps(answer.probabilities or {}),
            }
        )
    return rows


def _prediction(one: Scored[Any] | None) -> str | None:
    if one is None or isinstance(one.prediction, ParseFailure):
        return None
    return str(one.prediction.model_dump_json())


def _explanation(one: Scored[Any] | None, answer: Answer) -> str:
    if one is None:
        return f"no answer: {answer.error}"
    if isinstance(one.prediction, ParseFailure):
        return f"unparsed: {one.prediction.reason}"
    if isinstance(one.prediction, Unanswerable):
        return "says that there is no such face"
    return ""
