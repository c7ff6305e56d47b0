"""Training batches are what the processor would make, and runs resume to the same weights."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_corpus import recipe_text, write_corpus

from facellm.core.errors import FaceLLMError
from facellm.faces import load_image
from facellm.faces.region_masks import region_masks
from facellm.model.vision import POINT_UNIT
from facellm.train import run
from facellm.train.assemble import assemble
from facellm.train.augment import MIRROR, fixed_point, normalise, views
from facellm.train.crops import UNITS, draw, load_crops
from facellm.train.dialogues import compose, compose_empty, encode, pad
from facellm.train.heads import head_losses, unit_regions
from facellm.train.recipe import TASK_WEIGHTS, load_recipe
from facellm.train.see import looking_loss, region_places


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "c")


@pytest.fixture(scope="module")
def crops(corpus):
    return load_crops(corpus, "train")


@pytest.fixture
def recipe(tmp_path, corpus):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_text(tmp_path / "run", corpus))
    return path


def test_splits_are_kept_apart(corpus, crops):
    held = load_crops(corpus, "test")
    subjects = {s.provenance.subject_id for s in crops.samples}
    assert not subjects & {s.provenance.subject_id for s in held.samples}
    assert len(crops) == 9 and len(held) == 3


def test_balanced_draws_show_every_expression_alike(corpus):
    rng = np.random.default_rng(0)
    crops = load_crops(corpus, "train", balance=1.0)
    rows = [row for _, row in draw([crops], [1.0], 2000, rng)]
    drawn = [crops.samples[row].faces[0].labels.emotion for row in rows]
    stored = [sample.faces[0].labels.emotion for sample in crops.samples]
    assert stored.count("happiness") != stored.count("neutral")
    assert abs(drawn.count("happiness") - 1000) < 100


def test_looking_into_the_regions_costs_nothing_and_elsewhere_much(crops):
    points = fixed_point(crops.points[:2])
    places = region_places(points, 14)
    np.testing.assert_array_equal(
        places[0].view(-1, 14, 14), region_masks(points[0].numpy() * POINT_UNIT, 14)
    )
    inside = places / places.sum(-1, keepdim=True).clamp_min(1)
    outside = ~places / (~places).sum(-1, keepdim=True)
    assert looking_loss(inside, places).abs() < 1e-5
    assert looking_loss(outside, places) > 5


def test_plain_views_are_what_the_processor_cuts(corpus, crops, recipe):
    """Training and inference must see the same face; drift here would be silent."""
    _, processor = assemble(load_recipe(recipe), [crops])
    sample = crops.samples[0]
    expected = processor.image_processor(
        load_image(corpus / sample.image), [[sample.faces[0].points]]
    )
    seen, points, _, _ = views(crops.pixels[:1], crops.points[:1], 32, None)
    images = processor.image_processor
    got = normalise(seen, images.mean, images.std)
    error = (got[0] - expected["pixel_values"][0]).abs().mean()
    assert error < 0.1, "pixels differ by more than resampling explains"
    drift = (fixed_point(points)[0] - expected["landmarks"][0, 0]).abs().max()
    assert drift * POINT_UNIT < 0.02


def test_mirroring_keeps_left_and_right_the_subjects():
    assert MIRROR[36] == 45 and MIRROR[48] == 54 and MIRROR[0] == 16 and MIRROR[8] == 8
    assert torch.equal(MIRROR[MIRROR], torch.arange(68))


def test_augmented_points_stay_on_their_pixels(crops):
    """A white dot painted at a point is found at that point after turning, shifting, mirroring."""
    pixels = torch.zeros(40, 3, 144, 144, dtype=torch.uint8)
    points = crops.points[:1].repeat(40, 1, 1)
    x, y = (points[0, 8] * 144).long().tolist()
    pixels[:, :, y - 2 : y + 3, x - 2 : x + 3] = 255
    generator = torch.Generator().manual_seed(0)
    # `photograph` may hide the dot; geometry is what is tested.
    import facellm.train.augment as augment

    original, augment.photograph = augment.photograph, lambda p, g: p
    try:
        seen, moved, mirrored, exact = views(pixels, points, 64, generator)
    finally:
        augment.photograph = original
    assert 0 < mirrored.sum() < 40
    for row in range(40):
        peak = seen[row, 0].flatten().argmax().item()
        where = np.array([peak % 64 + 0.5, peak // 64 + 0.5]) / 64
        if seen[row].max() > 0.5:
            np.testing.assert_allclose(where, moved[row, 8], atol=0.06)
            np.testing.assert_allclose(where, exact[row, 8], atol=0.03)


def test_only_the_answer_is_scored(crops, recipe):
    _, processor = assemble(load_recipe(recipe), [crops])
    rng = random.Random(0)
    said = [
        compose([crops], [(0, 0)], rng, TASK_WEIGHTS),
        compose_empty(crops.samples[0], rng, TASK_WEIGHTS),
    ]
    rows = [encode(processor, dialogue) for dialogue in said]
    ids, mask, labels = pad(rows, processor.tokenizer.pad_token_id)
    for row, (dialogue, faces) in enumerate(zip(said, (1, 0), strict=True)):
        scored = labels[row][labels[row] != -100]
        text = processor.tokenizer.decode(scored)
        assert text == dialogue.messages[-1]["content"] + processor.tokenizer.eos_token
        tokens = (ids[row] == processor.image_token_id).sum()
        assert tokens == processor.patch_tokens + processor.face_tokens * faces
        assert mask[row].sum() == (ids[row] != processor.tokenizer.pad_token_id).sum()


def test_unlabelled_parts_cost_nothing():
    nan = float("nan")
    outputs = (torch.ones(2, len(UNITS)), torch.zeros(2, 8), torch.ones(2, 3))
    losses = head_losses(
        outputs,
        torch.full((2, len(UNITS)), nan),
        torch.tensor([-1, -1]),
        torch.full((2, 3), nan),
    )
    assert all(value == 0 for value in losses.values())


def test_each_unit_is_read_from_its_own_regions():
    share = unit_regions()
    assert torch.allclose(share.sum(1), torch.ones(len(UNITS)))
    assert (share > 0).sum(1).min() >= 1


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(recipe, tmp_path):
    whole = run(recipe)
    first = load_file(whole / "model.safetensors")
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["see"] * 4 + ["speak"] * 4

    # The same run, killed as hard as a process can be killed, in the middle of the last stage.
    other = f"output_dir={tmp_path / 'other'}"
    assert run_and_die(recipe, other, "speak", 3) == -9
    kept = torch.load(tmp_path / "other/speak.pt", weights_only=True)
    assert kept["step"] == 2 and "done" not in kept
    resumed = load_file(run(recipe, [other]) / "model.safetensors")
    for name, value in first.items():
        assert apart(name, value, resumed[name]) < 1e-5, name
    again = [json.loads(line) for line in (tmp_path / "other/log.jsonl").read_text().splitlines()]
    losses = [[line["train/loss"] for line in log] for log in (lines, again)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert Image.open(tmp_path / "other/curves.png").size[0] > 500


def apart(name, one, other):
    """Mean difference of two weights, where a step of training is 1e-3.

    Not of the keys' biases: no softmax sees them, so their gradients are rounding alone, which
    Adam blows up to whole steps. Single entries of other weights are left to rounding too.
    """
    difference = (one - other).abs().float()
    if name.endswith("in_proj_bias"):
        query, _, value = difference.chunk(3)
        difference = torch.cat([query, value])
    return difference.mean()


DIE = """
import os, signal, sys
import facellm.train.loop as loop
original = loop._step
def step_or_die(objective, engine, stage, step, *rest):
    if (stage.name, step) == (sys.argv[3], int(sys.argv[4])):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(objective, engine, stage, step, *rest)
loop._step = step_or_die
from facellm.train import run
run(__import__("pathlib").Path(sys.argv[1]), [sys.argv[2]])
"""


def run_and_die(recipe, override, stage, step):
    command = [sys.executable, "-c", DIE, str(recipe), override, stage, str(step)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.slow
def test_another_recipe_in_the_same_folder_is_refused(recipe):
    run(recipe)
    with pytest.raises(FaceLLMError, match="differs in seed"):
        run(recipe, ["seed=1"])


def test_dry_run_prints_and_does_nothing(recipe, tmp_path, capsys):
    assert run(recipe, ["seed=3"], dry_run=True) is None
    assert "seed: 3" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_faces_is_one_line(tmp_path):
    with pytest.raises(FaceLLMError, match=r"no samples.jsonl"):
        load_crops(tmp_path, "train")
    (tmp_path / "samples.jsonl").write_text("{}\n")
    with pytest.raises(FaceLLMError, match=r"samples.jsonl:1 is not a sample"):
        load_crops(tmp_path, "train")
