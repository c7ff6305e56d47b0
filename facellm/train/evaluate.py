"""Held-out answers, scored by the tasks themselves, beside what guessing would get.

python -m facellm.train.evaluate MODEL CORPUS [CORPUS …] --faces 400 --out report.json

Landmarks are the corpus's own. How a model reads faces that a finder sees is measured on the
corpus that data_engine/recipes/found_faces.yaml makes of it.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, BatchFeature

import facellm.model  # noqa: F401  (registers the classes that the Auto classes return)
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.sample import Sample, read_samples
from facellm.core.splits import Split
from facellm.core.statistics import Interval
from facellm.faces import load_image
from facellm.tasks import TASKS
from facellm.tasks.base import Scored, Task

BATCH = 32
MAX_NEW_TOKENS = 220
ASKED = ("expression", "action_units", "reasoning")


def held_out(folder: Path, count: int, seed: int = 0, split: Split = "test") -> list[Sample]:
    """Up to `count` single faces of a split, drawn at random but the same every time."""
    singles = [
        sample.model_copy(update={"faces": [face]})
        for sample in read_samples(folder)
        if sample.split == split
        for face in sample.faces
        if face.points is not None
    ]
    if not singles:
        raise FaceLLMError(f"corpus {folder} has no {split} split with landmarks to evaluate on")
    return random.Random(seed).sample(singles, min(count, len(singles)))


class Answerer:
    """A checkpoint that answers one question about one face of a stored picture."""

    def __init__(self, folder: Path, temperature: float = 0.0, use_cpu: bool = False) -> None:
        """Load a checkpoint; at temperature 0 its answers are greedy, else they are sampled."""
        self.folder = folder
        self.device = "cuda" if torch.cuda.is_available() and not use_cpu else "cpu"
        self.processor = AutoProcessor.from_pretrained(folder)
        model = AutoModelForImageTextToText.from_pretrained(folder)
        self.model = model.to(self.device).eval()
        self.sampling: dict[str, Any] = {"do_sample": False}
        if temperature > 0:
            self.sampling = {"do_sample": True, "temperature": temperature, "top_k": 0}

    @torch.inference_mode()
    def __call__(self, corpus: Path, asked: Sequence[tuple[Sample, str]]) -> list[str]:
        """An answer each; landmarks are the corpus's own."""
        answers = []
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            texts = [self._prompt(question) for _, question in batch]
            inputs = self.processor(
                text=texts,
                images=[load_image(corpus / sample.image) for sample, _ in batch],
                landmarks=[[face.points for face in sample.faces] for sample, _ in batch],
                padding=True,
                padding_side="left",
            )
            inputs.pop("token_type_ids", None)
            new = self.drawn(inputs.to(self.device))
            answers += self.processor.tokenizer.batch_decode(new, skip_special_tokens=True)
        return answers

    def drawn(self, inputs: BatchFeature) -> Tensor | list[list[int]]:
        """Ids of the answer to each row, with what ends it."""
        tokens = self.model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, **self.sampling)
        new: Tensor = tokens[:, inputs["input_ids"].shape[1] :]
        return new

    def _prompt(self, question: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )


def evaluate_task(
    answerer: Answerer, corpus: Path, samples: Sequence[Sample], task: Task[Any]
) -> dict[str, Any] | None:
    """Metrics of one task, its guesses beside it; None where no sample has the labels."""
    rng = random.Random(0)
    asked, golds = [], []
    for sample in samples:
        exchange = task.exchange(sample, rng)
        if exchange is not None:
            asked.append((sample, exchange.question))
            golds.append(exchange.answer)
    if not asked:
        return None
    texts = answerer(corpus, asked)
    subjects = [sample.provenance.subject_id for sample, _ in asked]
    scored = [task.scored(t, g, s) for t, g, s in zip(texts, golds, subjects, strict=True)]
    most_common = Counter(task.render(gold) for gold in golds).most_common(1)[0][0]
    majority = [task.scored(most_common, g, s) for g, s in zip(golds, subjects, strict=True)]
    shuffled = golds[len(golds) // 2 :] + golds[: len(golds) // 2]
    chance = [
        Scored(other, gold, task.score(other, gold), subject)
        for other, gold, subject in zip(shuffled, golds, subjects, strict=True)
    ]
    return {
        "model": _plain(task.metrics(scored)),
        "majority": _plain(task.metrics(majority)),
        "shuffled": _plain(task.metrics(chance)),
    }


def _plain(metrics: dict[str, Interval]) -> dict[str, Any]:
    return {name: interval.model_dump() for name, interval in metrics.items()}


def evaluate(model: Path, corpora: Iterable[Path], faces: int, out: Path) -> dict[str, Any]:
    """Answer the tasks for held-out faces of each corpus and write the numbers as JSON.

    `majority` answers the commonest gold for all; `shuffled` gives each face another's gold.
    """
    answerer = Answerer(model)
    report: dict[str, Any] = {}
    for corpus in corpora:
        samples = held_out(corpus, faces)
        report[corpus.name] = {"faces": len(samples)}
        for name in ASKED:
            result = evaluate_task(answerer, corpus, samples, TASKS[name])
            if result is not None:
                report[corpus.name][name] = result
                print(_line(corpus.name, name, result), flush=True)
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _line(corpus: str, task: str, result: dict[str, Any]) -> str:
    shown = [key for key in result["model"] if "/" not in key]
    parts = []
    for key in shown:
        m, guess = result["model"][key], result["majority"][key]["value"]
        values = [m["value"], m["low"], m["high"], guess]
        text = ["–" if v is None else f"{v:.3f}" for v in values]
        parts.append(f"{key} {text[0]} [{text[1]}, {text[2]}] majority {text[3]}")
    return f"{corpus} {task} (n={result['model'][shown[0]]['n']}): " + "; ".join(parts)


def main(
    model: Path,
    corpora: list[Path],
    faces: int = 400,
    out: Annotated[Path, typer.Option()] = Path("report.json"),
) -> None:
    """Evaluate the checkpoint MODEL on the test splits of CORPORA."""
    with one_line("evaluate"):
        evaluate(model, corpora, faces, out)


if __name__ == "__main__":
    typer.run(main)
