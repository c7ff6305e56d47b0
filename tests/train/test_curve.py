"""Learning curves: each arm learns from what its row says, and nothing is trained twice."""

import json

import pytest
import typer
from tiny_corpus import recipe_text, write_corpus
from typer.testing import CliRunner

from facellm.train.curve import arm_of, main, training_faces
from facellm.train.recipe import Corpus, load_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("curve")
    corpus = write_corpus(made / "corpus", count=24)
    (made / "recipe.yaml").write_text(recipe_text(made / "run", corpus))
    return made


def run(folder, out, *options):
    app = typer.Typer()
    app.command()(main)
    line = [str(folder / "recipe.yaml"), "--out", str(out), "--steps", "2", *options]
    return CliRunner().invoke(app, line)


def test_a_share_is_the_first_faces_of_every_corpus(folder):
    recipe = load_recipe(folder / "recipe.yaml")
    corpus = recipe.corpora[0]
    assert training_faces(corpus) == 18
    assert training_faces(Corpus(path=corpus.path, limit=7)) == 7
    arm = arm_of(recipe, 0.5, 32, [18])
    assert arm.corpora[0].limit == 9 and arm.model["tower"]["width"] == 32


@pytest.mark.slow
def test_every_share_and_width_is_trained_once(folder, tmp_path):
    options = ["--data", "1,0.5", "--width", "16,24", "threads=1"]
    done = run(folder, tmp_path, *options)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "curve.json").read_text())
    assert [(r["share"], r["width"], r["faces"]) for r in rows] == [
        (0.5, 16, 9), (1.0, 16, 18), (0.5, 24, 9), (1.0, 24, 18),
    ]  # fmt: skip
    assert rows[0]["parameters"] == rows[1]["parameters"] < rows[2]["parameters"]
    assert all(r["numbers"]["unit F1"]["n"] == 6 for r in rows)
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    assert (tmp_path / "curve.md").read_text().count("\n|") == 6
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}
    assert len(stamps) == 4
    assert run(folder, tmp_path, *options).exit_code == 0
    assert stamps == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "a"], "--data is 'a'; expected numbers above 0"),
        (["--data", "0.5,2"], "no more than all of it"),
        (["--width", "0"], "--width is '0'"),
    ],
)
def test_what_makes_no_curve_is_one_line(folder, tmp_path, options, message):
    done = run(folder, tmp_path, *options)
    assert done.exit_code == 2 and message in done.output
