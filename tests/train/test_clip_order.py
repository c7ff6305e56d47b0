"""The order of frames in time is learned: opening and closing are the same frames the other way."""

import numpy as np
import pytest
import torch
from test_clips_in_training import asked, model_and_processor
from tiny_clips import write_clips

from facellm.core.sample import read_clips
from facellm.train.parts import freeze
from facellm.train.recipe import Corpus, Stage
from facellm.train.rows import load_talks
from facellm.train.speak import Answering

STEPS, BATCH = 350, 8


def learned(folder):
    """A tiny model that has learned from the clips of a folder, and its processor."""
    model, processor = model_and_processor()
    talks = load_talks(Corpus(rows=folder), processor.image_processor)
    stage = Stage(
        name="clips", objective="answer", max_steps=STEPS, per_device_train_batch_size=BATCH,
        train=["region_encoder", "projector", "language_model"],
    )  # fmt: skip
    objective = Answering(model, processor, [talks], [1.0], stage, 0)
    freeze(objective.module, stage)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=3e-3)
    for step in range(STEPS):
        batch = objective.batch(step, 0, 1)
        loss = objective.module(**batch.inputs)["answer"] / batch.scored
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return model.eval(), processor


@torch.inference_mode()
def accuracy(model, processor, folder, clips):
    """Share of clips whose greedy answer, asked as people ask, names the right movement."""
    right = []
    for clip, (path, opens) in zip(read_clips(folder), clips, strict=True):
        inputs = asked(processor, path, clip.frames)
        tokens = model.generate(**inputs, do_sample=False, max_new_tokens=12)
        said = processor.tokenizer.decode(
            tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        right.append(said == ("It opens." if opens else "It closes."))
    return float(np.mean(right))


@pytest.mark.slow
def test_opening_and_closing_are_told_apart_by_order_alone(tmp_path):
    write_clips(tmp_path / "train", 40, seed=0)
    model, processor = learned(tmp_path / "train")
    held_out = write_clips(tmp_path / "held_out", 30, seed=1)
    assert accuracy(model, processor, tmp_path / "held_out", held_out) >= 0.9
    # Without their order nothing is left: each pair of clips has the same frames.
    mixed = write_clips(tmp_path / "mixed", 30, seed=1, shuffled=True)
    assert accuracy(model, processor, tmp_path / "mixed", mixed) <= 0.8
