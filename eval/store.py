"""Answers on disk: one line each, appended as they come, so that a killed run loses none."""

import json
from pathlib import Path

from eval.question import Answer, Question


class AnswerStore:
    """The answers of one model to one benchmark."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a last line that a kill tore apart is cut off."""
        self.path = path
        self.answers: dict[str, Answer] = {}
        if not path.is_file():
            return
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            path.write_bytes(whole)
        for line in whole.decode().splitlines():
            answer = Answer.model_validate(json.loads(line))
            self.answers[answer.id] = answer

    def missing(self, questions: list[Question]) -> list[Question]:
        """Questions without an answer; those that failed are asked again."""
        return [
            question
            for question in questions
            if question.id not in self.answers or self.answers[question.id].text is None
        ]

    def add(self, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        self.answers[answer.id] = answer
        with self.path.open("a", encoding="utf-8") as file:
            file.write(answer.model_dump_json(exclude_defaults=True) + "\n")
