"""Baselines learn from one split, predict another, and their tables are read by `stored`."""

import csv
import random
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from eval.baselines.blendshapes import Blendshapes
from eval.baselines.faces import FaceRow, classes_of, crops, faces_of
from eval.baselines.network import Network
from eval.baselines.run import BaselineRecipe, run, write_table
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import load
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples

SHOWN = ("happiness", "sadness")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Bright faces are happy, dark ones sad: anyone who looks can tell."""
    folder = tmp_path_factory.mktemp("baselines")
    rng = random.Random(0)
    samples = []
    for n in range(48):
        emotion = SHOWN[n % 2]
        shade = rng.randint(0, 60) + 160 * (emotion == "happiness")
        Image.new("RGB", (40, 40), (shade, shade, shade)).save(folder / f"{n}.png")
        samples.append(
            Sample(
                id=f"s{n}",
                image=f"{n}.png",
                faces=[Face(box=(5, 5, 35, 35), labels=FaceLabels(emotion=emotion))],
                provenance=Provenance(source="t", licence="none", subject_id=f"u{n}"),
                split="train" if n < 32 else "val",
            )
        )
    write_samples(folder / "samples.jsonl", samples)
    return folder


def cached_scores(path, rows):
    """A cache as a run leaves it, so that no MediaPipe is needed; one face was overlooked."""
    import pandas

    smile = [1.0 if row.emotion == "happiness" else 0.0 for row in rows]
    table = pandas.DataFrame(
        {"face": [row.key for row in rows], "mouthSmileLeft": smile, "jawOpen": 0.1}
    )
    table.loc[0, ["mouthSmileLeft", "jawOpen"]] = np.nan
    table.to_parquet(path)
    return path


def recipe(tmp_path, corpus, **more):
    path = tmp_path / "recipe.yaml"
    data = {"output_dir": str(tmp_path / "out"), "corpus": str(corpus), "predict": ["val"]}
    path.write_text(yaml.safe_dump(data | more))
    return path


@pytest.mark.slow
def test_boosting_on_blendshapes_learns_and_its_table_is_scored(tmp_path, corpus):
    rows = faces_of(corpus, ["train", "val"])
    cache = cached_scores(tmp_path / "scores.parquet", rows)
    baseline = {"kind": "blendshapes", "finder_model": "no/models", "cache": str(cache)}
    path = recipe(
        tmp_path, corpus, baselines={"boosted": baseline | {"least_leaf": 2, "iterations": 10}}
    )
    (result,) = run(path)["boosted"]
    assert result.metrics["accuracy"].value == 1.0 and result.answered == result.asked == 16
    with (tmp_path / "out" / "boosted.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["id"] for row in table} == {f"s{n}" for n in range(32, 48)}
    assert all(sum(float(row[name]) for name in EMOTIONS) == pytest.approx(1) for row in table)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "options"),
    [("test_resnet", {}), ("test_vit", {"img_size": 32, "patch_size": 8})],
)
def test_a_network_learns_what_everyone_can_see(tmp_path, corpus, model, options):
    pytest.importorskip("timm")
    train, asked = faces_of(corpus, ["train"]), faces_of(corpus, ["val"])
    network = Network(model=model, options=options, side=32, epochs=12, batch_size=8)
    found = network.predict(train, asked, tmp_path)
    right = [max(p, key=p.get) == row.emotion for p, row in zip(found, asked, strict=True)]
    assert np.mean(right) >= 0.8
    assert all(sum(p.values()) == pytest.approx(1, abs=1e-4) for p in found)


def test_crops_follow_the_box_where_there_are_no_points(corpus):
    rows = faces_of(corpus, ["val"])
    found = crops(rows, 16)
    assert found.shape == (16, 16, 16, 3)
    assert all(
        (found[n].mean() > 128) == (row.emotion == "happiness") for n, row in enumerate(rows)
    )


def test_rare_emotions_are_drawn_more_often():
    from eval.baselines.network import _Faces

    faces = _Faces(np.zeros((1000, 2, 2, 3), np.uint8), np.array([0] * 900 + [1] * 100))
    shares = {}
    for balance in (0.0, 0.5, 1.0):
        faces.draw(np.random.default_rng(0), balance)
        shares[balance] = faces.labels[faces.order].mean()
    # expected: 0.1; 10 / (10 + 30) = 0.25; 0.5
    assert shares[0.0] == pytest.approx(0.1, abs=0.04)
    assert shares[0.5] == pytest.approx(0.25, abs=0.05)
    assert shares[1.0] == pytest.approx(0.5, abs=0.05)


def test_tables_name_the_likeliest_emotion(tmp_path, corpus):
    row = faces_of(corpus, ["val"])[0]
    write_table(tmp_path / "t.csv", [row], [{"fear": 0.7, "anger": 0.3}])
    (line,) = csv.DictReader((tmp_path / "t.csv").open())
    assert (line["id"], line["face"], line["emotion"]) == (row.sample_id, "1", "fear")
    assert line["disgust"] == "0.00000"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"predict": ["train"]}, "'train' is in train and in predict"),
        ({"predict": ["test"]}, "no face with an emotion label in split 'test'"),
        ({"baselines": {"x": {"kind": "svm"}}}, "svm"),
        ({"baselines": {"x": {"kind": "timm", "model": "resnet9000"}}}, "resnet9000"),
        (
            {"baselines": {"x": {"kind": "timm", "checkpoint": "none.pt"}}},
            "no checkpoint 'none.pt'",
        ),
        ({"baselines": {"x": {"kind": "blendshapes", "finder_model": "none"}}}, "no .task file"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path, corpus, more, message):
    if "timm" in str(more):
        pytest.importorskip("timm")
    data = {"baselines": {"b": {"kind": "blendshapes", "finder_model": "none"}}} | more
    with pytest.raises(FaceLLMError) as error:
        run(recipe(tmp_path, corpus, **data))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_shipped_recipe_loads():
    path = Path(__file__).parents[2] / "eval" / "recipes" / "baselines.yaml"
    assert set(load(BaselineRecipe, path).baselines) == {"blendshapes", "resnet18", "vit"}


def test_one_emotion_alone_is_nothing_to_learn(corpus):
    rows = [row for row in faces_of(corpus, ["train"]) if row.emotion == "sadness"]
    with pytest.raises(FaceLLMError, match="sadness alone"):
        classes_of(rows)


def test_nothing_found_anywhere_is_said(tmp_path, corpus):
    rows: list[FaceRow] = faces_of(corpus, ["train"])
    import pandas

    cache = tmp_path / "empty.parquet"
    pandas.DataFrame({"face": [row.key for row in rows], "jawOpen": np.nan}).to_parquet(cache)
    with pytest.raises(FaceLLMError, match="finds none of the faces"):
        Blendshapes(finder_model="none", cache=cache).predict(rows, rows, tmp_path)
