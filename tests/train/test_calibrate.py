"""What readings say too much is measured on people held back, and nothing else is touched."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tiny_corpus import recipe_text, write_corpus
from transformers import AutoModelForImageTextToText

from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples, write_samples
from facellm.model.readings import LEVELS, added
from facellm.train import run
from facellm.train.arms import read_faces
from facellm.train.calibrate import EXCESS, calibrate, fit
from facellm.train.crops import load_crops
from facellm.train.see import Seer

NAME = "model.vision.readings.correction"
READ = torch.rand(400, 1, generator=torch.Generator().manual_seed(0)) * 5


def test_what_is_read_too_high_is_taken_off():
    labels = (READ - 1).clamp_min(0)
    corrected = READ + added(READ, fit(READ, labels))
    assert (READ - labels).abs().mean() > 0.85
    assert (corrected - labels).abs().mean() < 0.15  # the prior is not sure


def test_right_readings_and_unlabelled_units_stay():
    labels = torch.cat([READ, torch.full_like(READ, torch.nan)], 1)
    correction = fit(READ.expand(-1, 2), labels)
    torch.testing.assert_close(correction, torch.zeros(2, LEVELS), atol=1e-4, rtol=0)


def test_a_correction_never_puts_a_stronger_reading_below_a_weaker_one():
    labels = 5 - READ
    levels = torch.arange(LEVELS) + fit(READ, labels)[0]
    assert (levels.diff() >= -1e-5).all()


def test_what_is_made_up_costs_more_than_what_is_missed():
    read = torch.full((400, 1), 3.0)
    labels = torch.tensor([0.0, 3.0]).repeat(200).unsqueeze(1)  # half of the time nothing is there
    at_three = 3 + fit(read, labels)[0, 3]
    assert 0.95 < at_three < 1.15  # squares of equal cost would say 1.5

    def cost(level):
        return EXCESS * level**2 + (3 - level) ** 2

    assert cost(at_three) < min(cost(at_three - 0.1), cost(at_three + 0.1))


def test_levels_that_no_face_reaches_stay_near_themselves():
    low = READ / 5  # none above 1
    correction = fit(low, torch.zeros_like(low))[0]
    assert correction[1] < -0.7
    torch.testing.assert_close(correction[2:], torch.zeros(LEVELS - 2), atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model hardly trained, and a corpus of people it has not seen."""
    folder = tmp_path_factory.mktemp("calibrate")
    seen = write_corpus(folder / "seen")
    held_back = write_corpus(folder / "held_back", count=120)
    samples = [s.model_copy(update={"split": "val"}) for s in read_samples(held_back)]
    write_samples(held_back / "samples.jsonl", samples)
    (folder / "recipe.yaml").write_text(recipe_text(folder / "run", seen))
    return run(folder / "recipe.yaml"), held_back


def test_readings_of_people_held_back_come_closer_to_their_labels(made, tmp_path, capsys):
    model, held_back = made
    calibrate(model, [held_back], tmp_path / "out")
    assert "held_back: 120 faces, mean error" in capsys.readouterr().out
    crops = load_crops(held_back, "val")
    errors = []
    for folder in (model, tmp_path / "out"):
        vision = AutoModelForImageTextToText.from_pretrained(folder).model.vision
        errors.append((read_faces(Seer(vision), crops).units - crops.units).abs().mean())
    assert errors[1] < 0.9 * errors[0]
    before, after = (load_file(f / "model.safetensors") for f in (model, tmp_path / "out"))
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == [NAME] and before.keys() == after.keys()
    # Measured anew, not on top of what it has.
    calibrate(tmp_path / "out", [held_back], tmp_path / "again")
    again = load_file(tmp_path / "again/model.safetensors")[NAME]
    torch.testing.assert_close(again, after[NAME])


def test_what_cannot_be_calibrated_is_one_line(made, tmp_path):
    model, held_back = made
    with pytest.raises(FaceLLMError, match="is there already; choose another folder"):
        calibrate(model, [held_back], tmp_path)
    few = write_corpus(tmp_path / "few", count=4)
    samples = [s.model_copy(update={"split": "val"}) for s in read_samples(few)]
    write_samples(few / "samples.jsonl", samples)
    with pytest.raises(FaceLLMError, match="have 4 validation faces with action units; a correc"):
        calibrate(model, [few], tmp_path / "out")
    with pytest.raises(FaceLLMError, match="no model folder"):
        calibrate(tmp_path / "none", [held_back], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    command = [sys.executable, "-m", "facellm.train.calibrate", str(tmp_path / "none"), str(few)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert (
        done.stderr.strip().splitlines()[-1].startswith("facellm.train.calibrate: no model folder")
    )
