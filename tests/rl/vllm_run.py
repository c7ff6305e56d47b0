"""Run by the vLLM tests in its own process: python vllm_run.py WORK CHECKPOINT CORPUS.

Writes what was seen to WORK/out.json: a run with updates between the answers, and what was said of
stale weights, of lost weights and of wrong prompts.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from rl_recipes import recipe
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from rl import colocated
from rl.grpo import make_trainer
from rl.trainer import FaceGRPOTrainer


def message(call: Any, *args: Any) -> str:
    try:
        call(*args)
    except FaceLLMError as error:
        return str(error)
    return ""


def trainer_of(
    work: Path, name: str, checkpoint: Path, corpus: Path, **more: Any
) -> FaceGRPOTrainer:
    made = recipe(
        work / name, checkpoint, corpus, rollouts="vllm", max_steps=3, learning_rate=1e-2,
        train=["vision_tower", "region_encoder", "projector", "language_model"], **more,
    )  # fmt: skip
    made.output_dir.mkdir()
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32)
    return make_trainer(made, model, AutoProcessor.from_pretrained(checkpoint))


def main(work: Path, checkpoint: Path, corpus: Path) -> None:
    out: dict[str, Any] = {}
    trainer = trainer_of(work, "run", checkpoint, corpus)
    trainer.train()
    rows = [json.loads(line) for line in (work / "run/log.jsonl").read_text().splitlines()]
    out["differences"] = [row["sampling_difference"] for row in rows]
    out["rewards"] = [row["reward"] for row in rows]
    beside = trainer.colocated
    assert beside is not None

    # An engine that was not given the last update: vLLM answers with the weights of the start.
    start = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32)
    beside.sync(start, step=-1)
    beside.step = trainer.state.global_step  # as if it were in step
    inputs = [trainer.train_dataset[0]] * 8
    trainer.model.train()
    trainer.model.model.vision.eval()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions(inputs)
    out["stale"] = message(trainer._compute_loss, trainer.model, batch)

    # Weights that vLLM does not take in.
    whole, name = colocated.served, "model.language_model.norm.weight"
    load = beside.llm.apply_model

    def losing(function: Any) -> Any:
        def wrong(inside: Any) -> Any:
            taken = inside.load_weights
            inside.load_weights = lambda pairs: taken((n, v) for n, v in pairs if n != name)
            try:
                return function(inside)
            finally:
                del inside.load_weights

        return load(wrong)

    beside.llm.apply_model = losing
    moved = dict(whole(start))
    moved[name] = moved[name] + 1
    colocated.served = lambda model: iter(moved.items())
    out["lost"] = message(beside.sync, start, 99)
    colocated.served, beside.llm.apply_model = whole, load
    beside.sync(trainer.model, step=100)

    # Prompts as TRL has them, pictures expanded: vLLM would expand them again.
    prompts = [trainer.train_dataset[i] for i in range(2)]
    collapse, colocated.collapsed = colocated.collapsed, lambda ids, *_: list(ids)
    out["expanded"] = message(trainer.answers, prompts)
    colocated.collapsed = collapse
    out["afterwards"] = len(trainer.answers(prompts)[1])
    (work / "out.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
