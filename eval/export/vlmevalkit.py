"""A table for VLMEvalKit: `$LMUData/facellm_NAME.tsv`, one row a question, pictures in base64.

    LMUData=OUT python run.py --data facellm_NAME --model MODEL

Expressions become multiple choice among the eight emotions, because VLMEvalKit scores letters by
itself; the other tasks are open questions (`facellm_NAME_openended`) whose `answer` is the gold in
our grammar: VLMEvalKit asks them and has no score for them, `eval.export.scoring` reads the
predictions it keeps. VLMEvalKit keeps pictures as JPEG under `$LMUData/images/facellm_NAME` and
does not replace them: empty that folder after exporting other pictures under the same name.
"""

import base64
import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.benchmark import Benchmark
from eval.export.lmms_eval import PREFIX
from eval.export.pictures import picture_bytes
from eval.export.scoring import gold_text
from eval.question import Question
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.tasks import TASKS
from facellm.tasks.expression import ExpressionAnswer
from facellm.tasks.response import Unanswerable, render_unanswerable

OPEN = "_openended"
"""In the name of a table it tells VLMEvalKit that the questions have no letters."""
LETTERS = "ABCDEFGH"
"""Of the eight emotions."""
HEAD = ("index", "image", "question", "hint")
TAIL = ("answer", "category", "l2-category", "split", "id", "gold", "subject_id")


def write(benchmark: Benchmark, out: Path) -> Path:
    """Write the table into `out`; returns its path.

    Raises:
        FaceLLMError: what `Benchmark.questions` raises, a picture that cannot be read, or a
            question about an expression of a face that is not there.
    """
    questions = benchmark.questions()
    options = LETTERS if benchmark.task == "expression" else ""
    out.mkdir(parents=True, exist_ok=True)
    ending = "" if options else OPEN
    path = out / f"{PREFIX}{benchmark.name}{ending}.tsv"
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        columns = [*HEAD, *options, *TAIL]
        writer = csv.DictWriter(file, columns, delimiter="\t", restval="", lineterminator="\n")
        writer.writeheader()
        for index, row in enumerate(_rows(benchmark, questions)):
            writer.writerow({"index": index, **row})
    part.replace(path)
    return path


def _rows(benchmark: Benchmark, questions: list[Question]) -> Iterator[dict[str, Any]]:
    for question in questions:
        row = {
            "image": base64.b64encode(picture_bytes(question)).decode(),
            "category": benchmark.task,
            "l2-category": benchmark.name,
            "split": benchmark.split,
            "id": question.id,
            "gold": gold_text(question),
            "subject_id": question.subject_id,
        }
        if benchmark.task == "expression":
            row |= _choice(question, benchmark.seed)
        else:
            row |= {"question": question.text, "answer": _gold(benchmark.task, question)}
        yield row


def _choice(question: Question, seed: int) -> dict[str, str]:
    """Options in an order drawn for each question, so that no letter is a good guess."""
    if not isinstance(question.gold, ExpressionAnswer):
        raise FaceLLMError(
            f"question {question.id} is about a face that is not there, which has no letter; "
            "leave pictures without faces out of the benchmark"
        )
    options = list(EMOTIONS)
    random.Random(f"{seed}/{question.id}").shuffle(options)
    face = f"face {question.face}" if len(question.sample.faces) > 1 else "this face"
    return {
        "question": TASKS["expression"].canonical.format(face=face),
        **dict(zip(LETTERS, options, strict=True)),
        "answer": LETTERS[options.index(question.gold.emotion)],
    }


def _gold(task: str, question: Question) -> str:
    if isinstance(question.gold, Unanswerable):
        return render_unanswerable(question.gold)
    return TASKS[task].render(question.gold)
