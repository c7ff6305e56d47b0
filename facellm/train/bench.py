"""How fast an `answer` stage trains, beside TRL's SFTTrainer on the same model, data and batch.

    python -m facellm.train.bench RECIPE [key=value …] --steps 20 --out throughput.json

The recipe's first answer stage says which parts learn and how large a batch is. Both trainers take
turns, step by step, in one process: whatever else the machine does slows both. Each step's time
runs from the end of the one before, so it holds the making of the batch. Examples are drawn once
from the corpora, one face a picture, and shown to both in the same order; ours are also augmented,
TRL's are not.

    plain    the loop as it is
    grouped  with group_by_length
    cached   with group_by_length and cached_views, after everything has been seen once
"""

import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from facellm.core.errors import FaceLLMError, one_line
from facellm.model import FaceLLMProcessor
from facellm.model.processing import FaceLLMImageProcessor
from facellm.train.assemble import Pair, assemble
from facellm.train.crops import Crops, load_crops
from facellm.train.dialogues import Encoded, draw_dialogues, encode
from facellm.train.engine import Engine
from facellm.train.inputs import Dialogue, generator_at
from facellm.train.loop import _step
from facellm.train.parts import freeze
from facellm.train.recipe import Recipe, Stage, load_recipe
from facellm.train.speak import GROUP, Answering

SIDE = 1024
"""Of the square matrices that the machine's own rate is measured with."""
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "grouped": {"group_by_length": True},
    "cached": {"group_by_length": True, "cached_views": 1, "cache_gib": 8.0},
}


class Given(Answering):
    """An answer objective over examples that were drawn before."""

    examples: Sequence[Encoded]

    def _drawn(self, step: int, index: int) -> list[Encoded]:
        size = self.stage.per_device_train_batch_size
        start = step * size % len(self.examples)
        return list(self.examples[start : start + size])


class WithPoints(FaceLLMImageProcessor):
    """Takes the landmarks that a picture carries; TRL's collator has no place for them."""

    def fetch_images(self, images: Any) -> list[Image.Image]:
        if isinstance(images, (list, tuple)):
            return [one for item in images for one in self.fetch_images(item)]
        return [images]

    def points_of(self, image: Image.Image, landmarks: Any) -> NDArray[Any]:
        return super().points_of(image, image.info["landmarks"])


@dataclass
class Ours:
    """One variant of our loop, a step at a time."""

    name: str
    stage: Stage
    engine: Engine
    objective: Given
    seconds: list[float] = field(default_factory=list)

    def step(self, number: int) -> None:
        """One update; its time is kept."""
        begun = time.perf_counter()
        batches = [self.objective.batch(number, 0, 1)]
        _step(self.objective, self.engine, self.stage, number, batches, 0, Path("none"))
        self.seconds.append(time.perf_counter() - begun)


def measure(recipe: Recipe, steps: int) -> dict[str, Any]:
    """Run everything and return the numbers; `steps` is rounded up to whole groups of lengths."""
    stages = [stage for stage in recipe.stages if stage.objective == "answer"]
    if not stages:
        raise FaceLLMError("the recipe has no stage of objective answer to measure")
    plain = {"gradient_accumulation_steps": 1, "cached_views": 0, "group_by_length": False}
    stage = stages[0].model_copy(update=plain)
    steps = -(-steps // GROUP) * GROUP
    crops = [
        load_crops(c.path, "train", c.limit, c.balance, c.exact) for c in recipe.corpora if c.path
    ]
    model, processor = assemble(recipe, crops)
    dialogues = _examples(crops, stage, steps)
    examples = [encode(processor, dialogue) for dialogue in dialogues]
    variants = []
    for name, options in VARIANTS.items():
        own = stage.model_copy(update=options)
        mine = copy.deepcopy(model)
        objective = Given(mine, processor, crops, [1.0] * len(crops), own, recipe.seed)
        objective.examples = examples
        freeze(objective.module, own)
        variants.append(Ours(name, own, Engine(recipe, own, objective.module), objective))
    filling = _fill(variants[-1], steps)
    theirs, rates = _race((model, processor), crops, dialogues, stage, recipe, steps, variants)
    flops = _flops(variants[0])
    rate = sorted(rates)[len(rates) // 2]
    report: dict[str, Any] = {
        "steps": steps,
        "batch": stage.per_device_train_batch_size,
        "threads": torch.get_num_threads(),
        "matmul_gflops": round(rate / 1e9, 1),
        "gflop_per_step": round(flops / 1e9, 1),
        "filling_seconds": round(filling, 2),
    }
    tokens = sum(len(example.ids) for example in examples)
    done = {"trl": theirs} | {ours.name: ours.seconds[-steps:] for ours in variants}
    for name, seconds in done.items():
        total = sum(seconds)
        report[name] = {
            "seconds_per_step": round(total / steps, 3),
            "samples_per_second": round(steps * stage.per_device_train_batch_size / total, 1),
            "tokens_per_second": round(tokens / total),
            "times_trl": round(sum(theirs) / total, 2),
            "of_matmul_rate": round(flops * steps / total / rate, 3) if name == "plain" else None,
        }
    return report


def _examples(crops: Sequence[Crops], stage: Stage, steps: int) -> list[Dialogue]:
    """Dialogues about one face each, enough for all steps."""
    wanted = steps * stage.per_device_train_batch_size
    found: list[Dialogue] = []
    for draw in count():
        if len(found) >= wanted:
            break
        rng, _ = generator_at(0, draw)  # a draw may be of several faces each, and give none
        drawn = draw_dialogues(crops, [1.0] * len(crops), 64, rng, stage.tasks)
        single = [d for d in drawn if len(d.pictures[0]) == 1 and d.pictures[0][0].kind == "face"]
        found += single
    return found[:wanted]


def _fill(ours: Ours, steps: int) -> float:
    """See every view once; returns the seconds it took."""
    begun = time.perf_counter()
    features = ours.objective.module.features
    assert features is not None
    for step in range(steps):
        keys = ours.objective.batch(step, 0, 1).inputs["keys"]
        features(ours.objective.module.model.model.vision, keys)
    return time.perf_counter() - begun


def _flops(ours: Ours) -> float:
    """Operations of one step's forward and backward passes, counted, on an average batch."""
    total = 0
    for number in range(GROUP):
        batch = ours.objective.batch(number, 0, 1)
        with FlopCounterMode(display=False) as counter:
            ours.objective.module(**batch.inputs)["answer"].backward()
        total += counter.get_total_flops()
    return total / GROUP


def _matmul_rate() -> float:
    """Operations per second of a product of square matrices."""
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    begun = time.perf_counter()
    for _ in range(3):
        left @ right
    return 3 * 2 * SIDE**3 / (time.perf_counter() - begun)


def _race(
    pair: Pair,
    crops: Sequence[Crops],
    dialogues: Sequence[Dialogue],
    stage: Stage,
    recipe: Recipe,
    steps: int,
    variants: Sequence[Ours],
) -> tuple[list[float], list[float]]:
    """Train by TRL, and at the end of each of its steps do one of each of ours."""
    from transformers import TrainerCallback

    theirs: list[float] = []
    rates: list[float] = []

    class Turns(TrainerCallback):
        began = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step > 1:  # the first step holds what is done once
                theirs.append(time.perf_counter() - self.began)
            for ours in variants:
                ours.step((state.global_step - 1) % steps)
            rates.append(_matmul_rate())
            self.began = time.perf_counter()

    _trl(pair, crops, dialogues, stage, recipe, steps + 1, Turns()).train()
    # Step 0 was done twice, first to warm up.
    return theirs, rates


def _trl(
    pair: Pair,
    crops: Sequence[Crops],
    dialogues: Sequence[Dialogue],
    stage: Stage,
    recipe: Recipe,
    steps: int,
    turns: Any,
) -> Any:
    """TRL's trainer over the same examples in the same order, its settings like ours."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, processor = pair
    freeze(model, stage)
    mine = processor.image_processor
    images = WithPoints(mine.image_size, mine.max_faces, mean=mine.mean, std=mine.std)
    tokenizer = copy.deepcopy(processor.tokenizer)
    theirs = FaceLLMProcessor(
        images, tokenizer, processor.patch_tokens, processor.face_tokens, processor.chat_template
    )

    def shown(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        said = [dialogues[i % len(dialogues)] for i in batch["index"]]
        return {
            "images": [[_picture(crops, dialogue)] for dialogue in said],
            "prompt": [dialogue.messages[:-1] for dialogue in said],
            "completion": [
                [{"role": "assistant", "content": [_text(dialogue.messages[-1])]}]
                for dialogue in said
            ],
        }

    size = stage.per_device_train_batch_size
    rows = Dataset.from_dict({"index": list(range(steps * size))}).with_transform(shown)
    config = SFTConfig(
        output_dir=str(recipe.output_dir / "trl"),
        max_steps=steps,
        per_device_train_batch_size=size,
        learning_rate=stage.learning_rate,
        bf16=recipe.bf16,
        use_cpu=recipe.use_cpu or not torch.cuda.is_available(),
        gradient_checkpointing=recipe.gradient_checkpointing,
        max_length=None,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(
        model=model, args=config, train_dataset=rows, processing_class=theirs, callbacks=[turns]
    )


def _text(message: dict[str, Any]) -> dict[str, str]:
    return {"type": "text", "text": message["content"]}


def _picture(crops: Sequence[Crops], dialogue: Dialogue) -> Image.Image:
    """The face's crop as a picture that carries its landmarks."""
    seen = dialogue.pictures[0][0]
    source = crops[seen.corpus]
    pixels: Tensor = source.pixels[seen.row]
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    image.info["landmarks"] = source.points[seen.row].numpy()[None] * image.width
    return image


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument()] = None,
    steps: int = 24,
    out: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Measure the first answer stage of RECIPE."""
    with one_line("bench"):
        loaded = load_recipe(recipe, overrides or [])
        if loaded.threads is not None:
            torch.set_num_threads(loaded.threads)
        report = measure(loaded, steps)
    for name, value in report.items():
        print(f"{name}: {json.dumps(value)}")
    if out is not None:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
