"""Has teachers word the answers of one draft until they pass verification.

turn ─▶ prompt ─▶ teacher ─▶ text ─▶ verify ─┬─ passes ─▶ candidate ─▶ consensus ─▶ Row
            ▲                                │
            └── its errors, `repairs` times ─┴─ never ─▶ Reject
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data_engine.row import Making, Row
from data_engine.step import Reject
from data_engine.teachers.base import CallFailure, Completion, Prompt, Teacher
from data_engine.teachers.consensus import spokesman
from data_engine.teachers.failures import judge_completion
from data_engine.teachers.prompts import (
    data_urls,
    first_prompt,
    judge_prompt,
    repair_prompt,
    said,
)
from data_engine.verify.check import REFUSAL, turn_kinds, verify
from data_engine.verify.claims import Claim, Policy, Problem
from data_engine.writers.base import Draft
from facellm.core.grammar import ParseFailure
from facellm.core.sample import Record
from facellm.tasks import TASKS


class Judgement(Record):
    """What a judge answers; its schema binds the judge's server."""

    accept: bool
    reason: str = ""
    """The first wrong statement, where it does not accept."""


JUDGEMENT_SCHEMA = {
    "type": "object",
    "properties": {"accept": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["accept", "reason"],
    "additionalProperties": False,
}


class Pupil(NamedTuple):
    """A teacher and how it is asked."""

    teacher: Teacher
    own: bool = False
    """Whether it is our own model, which is asked the bare question."""
    images: bool = False
    """Whether it gets the pictures."""


class Answer(NamedTuple):
    """The outcome of one candidate for one turn."""

    text: str | None
    """None where no attempt passed."""
    claims: tuple[Claim, ...]
    reason: str
    """Why there is no text, machine-readable."""
    detail: str
    raw: str
    prompt: Prompt
    teacher: str
    finish_reason: str | None
    attempts: int
    usage: dict[str, int]


@dataclass(frozen=True)
class Lessons:
    """What every draft of a step shares."""

    pupils: Sequence[Pupil]
    gate: AbstractAsyncContextManager[object]
    """Bounds the calls in flight."""
    folder: Path
    policy: Policy
    repairs: int
    samples: int
    min_agreement: float
    judge: Teacher | None = None

    async def teach(self, draft: Draft) -> Row | Reject:
        """The draft's row, worded by the teachers, or the reason why there is none."""
        questions, templates = _turns(draft)
        kinds = turn_kinds(draft.task, draft.truth)
        texts: list[str] = []
        told: list[Answer] = []
        usage: dict[str, int] = {}
        agreement: float | None = None
        for n, brief in enumerate(draft.briefs):
            if brief is None:
                texts.append(templates[n])
                continue
            before = [
                turn
                for question, text in zip(questions, texts, strict=False)
                for turn in (("user", question), ("assistant", text))
            ]
            answers = await self._candidates(draft, before, questions[n], str(brief), kinds[n])
            for answer in answers:
                _add(usage, answer.usage)
            good = [answer for answer in answers if answer.text is not None]
            if not good:
                return _reject(draft, answers[0].reason, answers[0].detail, answers[0].raw)
            best, share = spokesman([answer.claims for answer in good])
            if len(answers) > 1:
                agreement = share if agreement is None else min(agreement, share)
                if share < self.min_agreement:
                    detail = f"{len(good)} texts agree by {share:.2f}"
                    return _reject(draft, "no_consensus", detail, good[best].raw)
            told.append(good[best])
            texts.append(good[best].text or "")
        return draft.row(_making(draft, told, usage, agreement), texts)

    async def _candidates(
        self, draft: Draft, before: list[tuple[str, str]], question: str, brief: str, kind: str
    ) -> list[Answer]:
        asked = [
            self._answer(draft, pupil, before, question, brief, kind, sample)
            for pupil in self.pupils
            for sample in range(self.samples)
        ]
        return [await asked[0]] if len(asked) == 1 else list(await asyncio.gather(*asked))

    async def _answer(
        self,
        draft: Draft,
        pupil: Pupil,
        before: list[tuple[str, str]],
        question: str,
        brief: str,
        kind: str,
        sample: int,
    ) -> Answer:
        images = data_urls(draft, self.folder) if pupil.images else ()
        # Rows with equal labels get equal prompts; the seed of its own gives each its own words.
        sample += int(draft.row_id[:6], 16)
        first = first_prompt(before, question, brief, images, pupil.own, sample)  # type: ignore[arg-type]
        usage: dict[str, int] = {}
        prompt, attempt = first, 0
        while True:
            attempt += 1
            result = await self._ask(pupil.teacher, prompt, kind == REFUSAL)
            spoken = result.completion if isinstance(result, CallFailure) else result
            _add(usage, spoken.usage if spoken else {})
            text = spoken.text.strip() if spoken else ""
            claims: tuple[Claim, ...] = ()
            if isinstance(result, CallFailure):
                problems = [Problem(f"teacher:{result.reason}", result.detail)]
            else:
                problems, claims = self._check(draft, text, question, kind)
                if not problems and self.judge is not None:
                    problems = await self._judged(question, brief, text, usage)
            over = attempt > self.repairs or (isinstance(result, CallFailure) and spoken is None)
            if not problems or over:
                reason, detail = problems[0] if problems else ("", "")
                return Answer(
                    None if problems else text, claims, reason, detail,
                    spoken.text if spoken else "", first, pupil.teacher.name,
                    spoken.finish_reason if spoken else None, attempt, usage,
                )  # fmt: skip
            # A text that is no answer at all is asked for anew; an answer is shown its errors. Our
            # own model is never shown them: they would tell it the labels.
            moved = {"sample": sample + attempt * self.samples}
            fresh = pupil.own or isinstance(result, CallFailure)
            prompt = (first if fresh else repair_prompt(first, text, problems)).model_copy(
                update=moved
            )

    async def _ask(
        self, teacher: Teacher, prompt: Prompt, refusal_wanted: bool = False
    ) -> Completion | CallFailure:
        async with self.gate:
            result = await teacher.complete(prompt)
        if isinstance(result, CallFailure):
            return result
        return judge_completion(result, prompt.json_schema, refusal_wanted)

    def _check(
        self, draft: Draft, text: str, question: str, kind: str
    ) -> tuple[list[Problem], tuple[Claim, ...]]:
        verdict = verify(text, draft.facts, kind, self.policy, question)
        problems = list(verdict.problems)
        if not problems and kind in TASKS:
            read = TASKS[kind].parse(text)
            if isinstance(read, ParseFailure):
                problems.append(Problem("grammar", read.reason))
        return problems, verdict.claims

    async def _judged(
        self, question: str, brief: str, text: str, usage: dict[str, int]
    ) -> list[Problem]:
        assert self.judge is not None
        prompt = judge_prompt(question, brief, text, JUDGEMENT_SCHEMA)
        result = await self._ask(self.judge, prompt)
        if isinstance(result, CallFailure):
            return [Problem(f"judge:{result.reason}", result.detail)]
        _add(usage, result.usage)
        try:
            judgement = Judgement.model_validate_json(result.text)
        except ValueError:
            return [Problem("judge:schema", "the judge's answer is off its schema")]
        return [] if judgement.accept else [Problem("judge:rejected", judgement.reason)]


def _turns(draft: Draft) -> tuple[list[str], list[str]]:
    """Questions and template answers, turn by turn."""
    questions = [said(m) for m in draft.messages if m.role == "user"]
    return questions, [said(m) for m in draft.messages if m.role == "assistant"]


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def _making(
    draft: Draft, told: Sequence[Answer], usage: dict[str, int], agreement: float | None
) -> Making:
    if not told:
        return Making(writer=draft.writer)
    return Making(
        writer=draft.writer,
        teacher=" + ".join(dict.fromkeys(answer.teacher for answer in told)),
        prompt_hash=told[0].prompt.hash(),
        raw_output="\n\n".join(answer.raw for answer in told),
        usage=usage,
        finish_reason=told[-1].finish_reason,
        attempts=max(answer.attempts for answer in told),
        agreement=agreement,
    )


def _reject(draft: Draft, reason: str, detail: str, raw: str) -> Reject:
    kept = draft.model_dump(mode="json", exclude_defaults=True)
    return Reject(
        item_id=draft.row_id,
        step="teach",
        reason=reason,
        detail=detail,
        item={**kept, "raw_output": raw},
    )
