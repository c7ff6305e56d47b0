"""The ablation compares what it says it compares, and trains nothing twice."""

import json

import numpy as np
import pytest
import torch
import typer
from tiny_corpus import recipe_text, write_corpus
from typer.testing import CliRunner

from facellm.checkpoint import SHIPPED
from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples, write_samples
from facellm.train import arms as arms_module
from facellm.train.ablate import main
from facellm.train.arms import build, parameters, read_faces, train_arm
from facellm.train.contrast import accuracy, contrast, mean_of, unit_f1
from facellm.train.crops import load_crops
from facellm.train.questions import BOTH, REFINED, REGIONS, SHAPE, SHIPS, switched
from facellm.train.recipe import load_recipe
from facellm.train.setting import F1, F1_FOUND, Setting


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """A corpus, the same with other points and one picture less, and one of pairs."""
    folder = tmp_path_factory.mktemp("ablation")
    own = write_corpus(folder / "own", count=24)
    samples = list(read_samples(own))
    for name in ("found", "paired"):
        (folder / name).mkdir()
        (folder / name / "images").symlink_to(own / "images")
    moved = []
    for sample in samples[1:]:
        [face] = sample.faces
        points = [(x + 3, y) for x, y in face.points]
        moved.append(
            sample.model_copy(update={"faces": [face.model_copy(update={"points": points})]})
        )
    write_samples(folder / "found" / "samples.jsonl", moved[:-1])
    # A smile of 0, 1 or 2 beside one of 3, 4 or 5.
    pairs = [
        s.model_copy(update={"pair": f"{i // 6}{i % 3}", "split": ("train", "test")[i // 6 % 2]})
        for i, s in enumerate(samples)
    ]
    write_samples(folder / "paired" / "samples.jsonl", pairs)
    # As the shipped model is trained: with points that are corrected, which most arms go without.
    text = recipe_text(folder / "run", own)
    for found, wanted in (
        ("vision: {pool: 2,", "vision: {refine: true, pool: 2,"),
        ("objective: see,", "objective: see, placing: 2.0,"),
    ):
        assert found in text
        text = text.replace(found, wanted)
    (folder / "recipe.yaml").write_text(text)
    return folder


@pytest.fixture
def setting(corpora, tmp_path):
    recipe = load_recipe(corpora / "recipe.yaml", ["threads=1"])
    return Setting(recipe, tmp_path / "out", 2, 2, 6, corpora / "found", corpora / "paired")


def test_arms_differ_in_what_they_see_and_not_in_size(setting):
    fill_to = parameters(build(setting.arm(BOTH)))
    sizes = {}
    for arm in REGIONS:
        seer = build(setting.arm(arm), fill_to)
        sizes[arm.name] = parameters(seer)
        encoder = seer.vision.region_encoder
        assert (encoder is None) == (arm.name == "off")
        if encoder is not None:
            assert hasattr(encoder, "guide_query") == (arm.name in ("guidance", "both"))
            assert hasattr(encoder, "read_query") == (arm.name in ("read-out", "both"))
    step = 2 * seer.vision.config.hidden_size + 1
    assert max(sizes.values()) - min(sizes.values()) <= step, sizes
    refiners = [build(setting.arm(arm)).vision.readings.refiner for arm in (SHAPE, REFINED, SHIPS)]
    assert [refiner is not None for refiner in refiners] == [False, True, True]


def test_landmarks_reach_all_arms_but_the_plain_one(setting):
    exact, found = (setting.tests[name] for name in (F1, F1_FOUND))
    assert [s.id for s in exact.samples] == [s.id for s in found.samples]
    assert not torch.equal(exact.points, found.points)
    for arm in REGIONS:
        seer = build(setting.arm(arm)).eval()
        plain = read_faces(seer, exact)
        twin = read_faces(seer, exact)
        assert torch.equal(plain.units, twin.units)
        moved = exact.points.clone()
        # The view is cut around the points: move two that do not change it.
        moved[:, 36:42] += 0.1
        other = read_faces(seer, type(exact)(**{**vars(exact), "points": moved}))
        assert torch.equal(plain.units, other.units) == (arm.name == "off"), arm.name
        assert plain.look.isnan().all() == (arm.name in ("off", "guidance"))


def test_a_finished_arm_is_not_trained_again_and_another_is_refused(setting, monkeypatch):
    recipe = setting.arm(BOTH)
    first = train_arm(recipe, setting.load)
    monkeypatch.setattr(arms_module, "run_stage", None)
    again = train_arm(recipe, None)
    for name, value in first.state_dict().items():
        if "projector" not in name:
            assert torch.equal(value, again.state_dict()[name]), name
    other = Setting(setting.recipe, setting.out, 3, 2, 6)
    with pytest.raises(FaceLLMError, match=r"both holds a run whose recipe differs in stages"):
        train_arm(other.arm(BOTH), setting.load)


def test_a_perfect_reading_beats_a_blind_one(corpora):
    crops = load_crops(corpora / "own", "train")
    subjects = [sample.provenance.subject_id for sample in crops.samples]
    measures = {
        "F1 of good": unit_f1(crops.units, crops.units),
        "F1 of blind": unit_f1(torch.zeros_like(crops.units), crops.units),
        "right of good": accuracy(crops.emotion, crops.emotion),
        "nothing": mean_of(torch.full((len(crops),), torch.nan)),
    }
    found, [gap] = contrast(subjects, measures, [("F1 of good", "F1 of blind")])
    # AU12 and AU6 occur; a blind reading finds neither: F1 0 against 1.
    assert found["F1 of good"].value == found["right of good"].value == gap.value == 1.0
    assert found["F1 of blind"].value == 0.0 and gap.low == 1.0
    assert found["nothing"].value is None and found["nothing"].n == 0
    assert gap.n == len(crops) and gap.subjects == 3


def test_unlabelled_faces_count_for_nothing(corpora):
    crops = load_crops(corpora / "own", "train")
    units, emotion = crops.units.clone(), crops.emotion.clone()
    units[:3], emotion[:2] = torch.nan, -1
    found, _ = contrast(
        [s.provenance.subject_id for s in crops.samples],
        {"F1": unit_f1(crops.units, units), "right": accuracy(crops.emotion, emotion)},
    )
    assert found["F1"].n == len(crops) - 3 and found["right"].n == len(crops) - 2
    assert found["F1"].value == found["right"].value == 1.0


def test_a_pair_is_flipped_where_its_unit_is_read_below_and_above(corpora):
    crops = load_crops(corpora / "paired", "test")
    truth = switched(crops, crops.units)
    blind = switched(crops, torch.zeros_like(crops.units))
    # AU12 of 0 and 3 lies on both sides of 2, and AU6, which is half of it, of 2 and 5; of 1 and 4
    # it is both, which is no intervention.
    assert [flipped for _, flipped in truth] == [True] * 4
    assert [flipped for _, flipped in blind] == [False] * 4
    backwards = switched(crops, 5 - crops.units)
    assert not any(flipped for _, flipped in backwards)


def run(corpora, out, *options):
    app = typer.Typer()
    app.command()(main)
    wanted = [str(corpora / "recipe.yaml"), "--out", str(out), "--steps", "2", "--speak-steps", "2"]
    return CliRunner().invoke(app, [*wanted, "--faces", "6", *options])


@pytest.mark.slow
def test_the_command_answers_every_question_and_goes_on_where_it_stopped(corpora, tmp_path):
    corpus = ["--found", str(corpora / "found"), "--pairs", str(corpora / "paired")]
    done = run(corpora, tmp_path, *corpus)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "ablation.json").read_text())
    wanted = {"regions", "landmarks", "refinement", "interventions", "thought", "prompt"}
    assert set(rows) == wanted
    assert set(rows["regions"]["arms"]) == {a.name for a in (*REGIONS, SHAPE)}
    assert rows["regions"]["arms"]["both"]["look IoU"]["value"] is not None
    assert rows["regions"]["arms"]["off"]["look IoU"]["value"] is None
    assert {d["number"] for d in rows["interventions"]["differences"]} >= {F1, "flipped"}
    table = (tmp_path / "ablation.md").read_text()
    assert "both − off" in table and "evidence first − answer alone" in table
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}
    assert run(corpora, tmp_path, *corpus).exit_code == 0
    assert stamps == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}
    assert json.loads((tmp_path / "ablation.json").read_text()) == rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ask", "nothing"], "no question 'nothing'; there are regions"),
        (["--ask", "landmarks"], "landmarks needs --found"),
        (["--ask", "interventions"], "interventions needs --pairs"),
    ],
)
def test_what_cannot_be_asked_is_one_line(corpora, tmp_path, options, message):
    done = run(corpora, tmp_path, *options)
    assert done.exit_code == 2 and message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert np.array_equal(list(tmp_path.iterdir()), [])


def test_eyes_of_another_size_are_one_line(corpora, tmp_path):
    done = run(corpora, tmp_path, "--ask", "thought", "--eyes", str(SHIPPED))
    assert done.exit_code == 2
    last = done.output.strip().splitlines()[-1]
    assert "see.pt holds vision.vision_tower" in last.replace("model.", "") and "of size" in last
