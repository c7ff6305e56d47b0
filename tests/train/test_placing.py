"""Points are learned where exact ones are known: by the model's refiner, or a head for the way."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from tiny_corpus import points, recipe_text, write_corpus

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, read_samples, write_samples
from facellm.model.region_encoder import eye_distance
from facellm.train import run
from facellm.train.assemble import assemble
from facellm.train.crops import load_crops
from facellm.train.heads import placing_loss
from facellm.train.log import read_log
from facellm.train.recipe import load_recipe

SIDE = 96


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Faces as bright discs: exact points on them, found ones beside them by up to 6 pixels."""
    folder = tmp_path_factory.mktemp("placing")
    rng = np.random.default_rng(0)
    exact, found = [], []
    (folder / "exact/images").mkdir(parents=True)
    (folder / "found").mkdir()
    (folder / "found/images").symlink_to(folder / "exact/images")
    for i in range(32):
        image = Image.new("RGB", (SIDE, SIDE), (40, 30, 30))
        truth = [(x, y) for x, y in points(SIDE)]
        draw = ImageDraw.Draw(image)
        for x, y in ((36.0, 38.4), (60.0, 38.4), (48.0, 66.0)):
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(230, 220, 200))
        image.putpixel((0, i), (255, 255, 255))  # pictures have ids of their own
        image.save(folder / f"exact/images/{i}.png")
        dx, dy = rng.uniform(-6, 6, 2)
        common = {
            "id": hashlib.sha256(image.tobytes()).hexdigest()[:16],
            "image": f"images/{i}.png",
            "provenance": Provenance(source="test", licence="none", subject_id=f"s{i}"),
            "split": "train",
        }
        labels = FaceLabels(action_units={12: 1.0}, pose=(0, 0, 0))
        for samples, shape in ((exact, truth), (found, [(x + dx, y + dy) for x, y in truth])):
            face = Face(box=(10, 10, 86, 86), points=shape, labels=labels)
            samples.append(Sample(faces=[face], **common))
    write_samples(folder / "exact/samples.jsonl", exact[:-1])
    write_samples(folder / "found/samples.jsonl", found)
    return folder


@pytest.fixture
def recipe(corpora, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_text(tmp_path / "run", corpora / "found"))
    return path


def overrides(corpora, *more):
    return [f"corpora.0.exact={corpora / 'exact'}", "stages.speak.max_steps=0", "threads=1", *more]


def test_exact_points_are_those_of_the_same_picture(corpora):
    crops = load_crops(corpora / "found", "train", exact=corpora / "exact")
    error = (crops.exact - crops.points)[:-1].norm(dim=-1).mean(1)
    shift = error * 96 / 0.6  # of a crop, which is larger than the picture's middle: some pixels
    assert (error > 0).all() and shift.max() < 20
    assert crops.exact[-1].isnan().all(), "nobody knows the last face better"
    own = load_crops(corpora / "exact", "train")
    assert torch.equal(own.exact, own.points)
    with pytest.raises(FaceLLMError, match="has none of the pictures whose points it should know"):
        load_crops(corpora / "found", "train", exact=write_corpus(corpora / "other"))


def test_another_face_of_the_picture_is_not_taken_for_it(corpora, tmp_path):
    samples = list(read_samples(corpora / "exact"))
    far = [(x + 40, y) for x, y in samples[0].faces[0].points]
    [face] = samples[0].faces
    other = face.model_copy(update={"points": far})
    write_samples(
        tmp_path / "samples.jsonl",
        [
            samples[0].model_copy(update={"faces": [other, face]}),
            samples[1].model_copy(update={"faces": [other]}),
        ],
    )
    crops = load_crops(corpora / "found", "train", limit=3, exact=tmp_path)
    plain = load_crops(corpora / "found", "train", limit=3, exact=corpora / "exact")
    assert torch.equal(crops.exact[0], plain.exact[0])
    assert crops.exact[1:].isnan().all()


def test_unknown_points_cost_nothing():
    truth = torch.rand(3, 68, 2)
    said = truth + 0.1 * eye_distance(truth)[:, None, None]
    # Every coordinate is off by 0.1 of an inter-ocular distance: 0.1 - 0.02 / 2.
    assert abs(float(placing_loss(said, truth)) - 0.09) < 1e-4
    truth[0] = torch.nan
    assert abs(float(placing_loss(said, truth)) - 0.09) < 1e-4
    said.requires_grad_(True)
    placing_loss(said, torch.full_like(truth, torch.nan)).backward()
    assert not said.grad.any()


def places(log):
    return [row["train/placing"] for row in read_log(log)]


@pytest.mark.slow
def test_the_refiner_learns_and_is_kept(corpora, recipe, tmp_path):
    steps = ["stages.see.max_steps=150", "stages.see.per_device_train_batch_size=16"]
    more = ["model.vision.refine=true", "stages.see.placing=5", "stages.see.learning_rate=3e-3"]
    model = run(recipe, overrides(corpora, *steps, *more))
    learned = places(tmp_path / "run/log.jsonl")
    assert np.mean(learned[-15:]) < 0.6 * np.mean(learned[:5])
    names = load_file(model / "model.safetensors")
    assert any(".readings.refiner." in name for name in names)
    assert not any("placer" in name for name in names)


@pytest.mark.slow
def test_the_refiner_learns_over_a_resting_tower(corpora, recipe, tmp_path):
    steps = ["stages.see.max_steps=60", "stages.see.per_device_train_batch_size=16"]
    more = ["model.vision.refine=true", "stages.see.placing=5", "stages.see.learning_rate=5e-3",
            "stages.see.train=[readings]", "stages.see.cached_views=2"]  # fmt: skip
    run(recipe, overrides(corpora, *steps, *more))
    learned = places(tmp_path / "run/log.jsonl")
    assert np.mean(learned[-10:]) < 0.8 * np.mean(learned[:3])


@pytest.mark.slow
def test_the_head_learns_and_is_thrown_away(corpora, recipe, tmp_path):
    plain, _ = assemble(load_recipe(recipe), [load_crops(corpora / "found", "train")])
    steps = ["stages.see.max_steps=150", "stages.see.per_device_train_batch_size=16"]
    more = ["stages.see.placing=5", "stages.see.learning_rate=3e-3"]
    model = run(recipe, overrides(corpora, *steps, *more))
    learned = places(tmp_path / "run/log.jsonl")
    assert np.mean(learned[-15:]) < 0.7 * np.mean(learned[:5])
    see = torch.load(tmp_path / "run/see.pt", weights_only=True)["weights"]
    assert any(name.startswith("placer.") for name in see)
    saved = load_file(model / "model.safetensors")
    tied = {"lm_head.weight"}
    assert set(saved) | tied == set(plain.state_dict()) | tied


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["model.vision.refine=true"], "set placing above 0"),
        (["stages.see.placing=1", "stages.see.train=[readings]"], "region encoder, which rests"),
        (["stages.speak.placing=1"], "placing is for objective see"),
        (["stages.see.placing=1", "model.vision.read_out=false"], "placing needs region tokens"),
    ],
)
def test_what_teaches_no_points_is_one_line(corpora, recipe, more, message):
    with pytest.raises(FaceLLMError, match=message):
        run(recipe, overrides(corpora, *more))
