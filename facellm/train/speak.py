"""Stage two: the language model learns to answer about what the vision part sees.

    drawn faces ─ views ─► tower (at rest) ─► region tokens ─► projector ─┐
    task.exchange(sample) ─► question, answer ─► chat ids, labels on the answer alone ─► loss

Most pictures hold one face; some hold several, so that "face 2" means something; some none.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample
from facellm.model.modeling import FaceLLMForConditionalGeneration
from facellm.model.processing import FaceLLMProcessor
from facellm.model.vision import ABSENT
from facellm.tasks import TASKS
from facellm.train.augment import normalise
from facellm.train.crops import Crops, draw
from facellm.train.loop import Losses, run_stage
from facellm.train.recipe import Stage
from facellm.train.see import batch_views, generator_at, in_slot

SEVERAL, NONE = 0.15, 0.03
"""Shares of pictures with several faces and with none."""
TASK_WEIGHTS = {
    "reasoning": 4, "action_units": 4, "expression": 2, "caption": 3, "region_question": 2,
}  # fmt: skip
PROSE = 0.4
"""Share of exchanges in the prose register."""
IGNORED = -100


@dataclass(frozen=True)
class Picture:
    """One training picture: the faces drawn for it, left to right, and what is asked about it."""

    faces: list[tuple[int, int]]
    question: str
    answer: str


def compose(crops: Sequence[Crops], drawn: list[tuple[int, int]], rng: random.Random) -> Picture:
    """Ask a random task about a random face of a picture made of the drawn faces."""
    first = crops[drawn[0][0]].samples[drawn[0][1]]
    faces = [crops[c].samples[row].faces[0] for c, row in drawn]
    sample = first.model_copy(update={"faces": faces})
    names = list(TASK_WEIGHTS)
    for _ in range(20):
        task = TASKS[rng.choices(names, list(TASK_WEIGHTS.values()))[0]]
        register = "prose" if rng.random() < PROSE else "task"
        face = rng.randint(1, len(faces)) if faces else 1
        if rng.random() < 0.01:
            face = len(faces) + rng.randint(1, 2)
        exchange = task.exchange(sample, rng, face, register)
        if exchange is not None:
            return Picture(drawn, exchange.question, exchange.text)
    raise FaceLLMError(f"sample {first.id} has no label that any task can ask about")


def compose_empty(sample: Sample, rng: random.Random) -> Picture:
    """Ask about a picture without faces."""
    empty = sample.model_copy(update={"faces": []})
    while True:
        task = TASKS[rng.choice(list(TASK_WEIGHTS))]
        register = "prose" if rng.random() < PROSE else "task"
        exchange = task.exchange(empty, rng, 1, register)
        if exchange is not None:
            return Picture([], exchange.question, exchange.text)


def draw_pictures(
    crops: Sequence[Crops], weights: Sequence[float], count: int, rng: np.random.Generator
) -> list[Picture]:
    """Draw a batch of pictures with their exchanges."""
    text_rng = random.Random(int(rng.integers(2**63)))
    several = rng.random() < SEVERAL
    pictures = []
    # A batch holds only pictures of several faces or none of them: padding would cost more than
    # the faces.
    for _ in range(count // 2 if several else count):
        drawn = draw(crops, weights, int(rng.integers(2, 4)) if several else 1, rng)
        if not several and rng.random() < NONE:
            pictures.append(compose_empty(crops[drawn[0][0]].samples[drawn[0][1]], text_rng))
        else:
            pictures.append(compose(crops, drawn, text_rng))
    return pictures


def encode(
    processor: FaceLLMProcessor, pictures: Sequence[Picture]
) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, attention mask and labels (B, T), padded on the right; only answers are scored."""
    rows = []
    for picture in pictures:
        content = [{"type": "image"}, {"type": "text", "text": picture.question}]
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        views = max(1, len(picture.faces))
        tokens = views * processor.patch_tokens + len(picture.faces) * processor.face_tokens
        prompt = prompt.replace(processor.image_token, processor.image_token * tokens)
        ids = processor.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answer = processor.tokenizer(picture.answer, add_special_tokens=False)["input_ids"]
        answer = [*answer, processor.tokenizer.eos_token_id]
        rows.append((ids, answer))
    longest = max(len(ids) + len(answer) for ids, answer in rows)
    input_ids = torch.full((len(rows), longest), processor.tokenizer.pad_token_id)
    labels = torch.full((len(rows), longest), IGNORED)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for row, (ids, answer) in enumerate(rows):
        end = len(ids) + len(answer)
        input_ids[row, :end] = torch.tensor(ids + answer)
        labels[row, len(ids) : end] = torch.tensor(answer)
        mask[row, :end] = 1
    return input_ids, mask, labels


def learn_to_speak(
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
    crops: Sequence[Crops],
    weights: Sequence[float],
    stage: Stage,
    seed: int,
    folder: Path,
) -> None:
    """Train projector and language model; tower and region encoder rest."""
    config, images = model.config.vision_config, processor.image_processor
    vision = model.model.vision
    vision.requires_grad_(False)
    vision.projector.requires_grad_(True)
    vision.eval()

    def losses(step: int) -> Losses:
        rng, generator = generator_at(seed + 1, step)
        pictures = draw_pictures(crops, weights, stage.per_device_train_batch_size, rng)
        pictures.sort(key=lambda picture: len(picture.faces))  # empty ones first
        drawn = [face for picture in pictures for face in picture.faces]
        # Mirroring would turn "to the left" into a lie; expression and units do not mind.
        pixels, points, _ = batch_views(
            crops, drawn, config.image_size, images, generator, mirror=False
        )
        slots = [slot for picture in pictures for slot in range(len(picture.faces))]
        landmarks = in_slot(points, slots, config.max_faces)
        empty = sum(not picture.faces for picture in pictures)
        if empty:
            noise = normalise(
                textures(empty, config.image_size, generator), images.mean, images.std
            )
            pixels = torch.cat([noise, pixels])
            absent = landmarks.new_full((empty, *landmarks.shape[1:]), ABSENT)
            landmarks = torch.cat([absent, landmarks])
        input_ids, mask, labels = encode(processor, pictures)
        out = model(
            input_ids=input_ids,
            attention_mask=mask,
            labels=labels,
            pixel_values=pixels,
            landmarks=landmarks,
            num_views=torch.tensor([max(1, len(p.faces)) for p in pictures]),
        )
        return {"answer": out.loss}

    modules: dict[str, nn.Module] = {
        "projector": vision.projector, "language_model": model.model.language_model,
    }  # fmt: skip
    model.model.language_model.train()
    run_stage("speak", stage, folder, modules, losses, {"answer": 1.0})
    model.eval()


def textures(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Pictures of nothing, (count, 3, S, S) in [0, 1]: smooth noise of random grain."""
    out = torch.zeros(count, 3, size, size)
    for octave in (2, 5, 12, 30):
        grain = torch.rand(count, 3, octave, octave, generator=generator)
        strength = torch.rand(count, 1, 1, 1, generator=generator)
        out += strength * nn.functional.interpolate(grain, size, mode="bilinear")
    return (out / out.amax((1, 2, 3), keepdim=True)).clamp(0, 1)
