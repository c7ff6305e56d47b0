"""The files of FaceXBench: one JSON a data set, its category above, its questions below."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from facellm.core.errors import FaceLLMError
from facellm.core.grammar import first_error

Style = Literal["plain", "described"]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ChoiceQuestion(NamedTuple):
    """One question with its options."""

    id: str
    """`<file>/<number in it>`."""
    images: tuple[Path, ...]
    """In the order the question counts them; none for questions about tools."""
    text: str
    """What a model is asked, options included."""
    options: dict[str, str]
    """Letter → text."""
    gold: str
    """The right letter."""
    category: str
    sub_category: str
    doubtful: bool
    """The file names one option by its letter and another by its text; the letter counts."""


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore")  # files with results hold further keys

    image_paths: list[str] = []
    question_text: str
    options: list[str | int | float] = Field(min_length=2, max_length=len(LETTERS))
    correct_answer_option: str
    answer: str | int | float | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    category: str
    sub_category: str = Field(alias="sub-category")
    context: str | None = None
    prepend_text: str | None = None
    postpend_text: str | None = None
    questions: dict[str, _Item] = Field(min_length=1)


def read_questions(folder: Path, style: Style = "plain") -> list[ChoiceQuestion]:
    """All questions of a folder such as `facexbench/benchmark`, files in order of their names.

    Args:
        folder: holds the JSON files; their pictures' paths are relative to it or to its parents.
        style: `described` puts the file's description of the task first, if it has one.

    Raises:
        FaceLLMError: no such files, a file in another layout, or a right answer that is no option.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FaceLLMError(
            f"no json file in {folder}; expected files of the FaceXBench layout, with "
            "category, sub-category and questions"
        )
    return [question for file in files for question in _questions(file, style)]


def _questions(path: Path, style: Style) -> Iterator[ChoiceQuestion]:
    file = _read(path)
    for number, item in file.questions.items():
        where = f"{path} question {number}"
        options = dict(zip(LETTERS, map(str, item.options), strict=False))
        gold = item.correct_answer_option.strip().upper()
        if gold not in options:
            raise FaceLLMError(
                f"{where}: the right answer {gold!r} is none of {', '.join(options)}"
            )
        yield ChoiceQuestion(
            id=f"{path.stem}/{number}",
            images=tuple(_picture(path.parent, name) for name in item.image_paths),
            text=_text(file, item, options, style),
            options=options,
            gold=gold,
            category=file.category,
            sub_category=file.sub_category,
            doubtful=item.answer is not None and str(item.answer).strip() != options[gold].strip(),
        )


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise FaceLLMError(
            f"{path} is not in the FaceXBench layout: {first_error(error)}"
        ) from None
    except ValueError as error:
        raise FaceLLMError(f"{path} is not JSON: {error}") from None


def _text(file: _File, item: _Item, options: dict[str, str], style: Style) -> str:
    parts = [
        file.context if file.category == "tools_use" else None,
        file.prepend_text if style == "described" else None,
        item.question_text,
        file.postpend_text,
        *(f"({letter}) {text}" for letter, text in options.items()),
    ]
    return "\n".join(part.strip() for part in parts if part and part.strip())


def _picture(folder: Path, name: str) -> Path:
    """Where the picture is, or should be: those who kept answers need no pictures."""
    bases = (folder, folder.parent, folder.parent.parent)
    return next((base / name for base in bases if (base / name).is_file()), folder / name)


def predictions_in(path: Path) -> dict[str, str]:
    """Question id → raw text, from a folder of files with a `prediction` beside each question."""
    found: dict[str, str] = {}
    for file in sorted(path.glob("*.json")):
        try:
            data: Any = json.loads(file.read_text(encoding="utf-8"))
            for number, item in data["questions"].items():
                if item.get("prediction") is not None:
                    found[f"{file.stem}/{number}"] = str(item["prediction"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FaceLLMError(
                f"{file} holds no predictions; expected questions with `prediction`"
            ) from None
    return found
