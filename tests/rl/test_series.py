"""Series of runs: their order, failures among them, and what is made of them, counted by hand."""

import json
import shutil

import pytest
import yaml
from rl_recipes import recipe
from transformers import AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check, dump
from rl import ablate, efficiency, report, series
from rl.recipe import Recipe

RIGHT, WRONG = (
    json.dumps({"emotion": word}).join(("<answer>", "</answer>")) for word in ("happiness", "fear")
)


@pytest.fixture
def train(monkeypatch):
    """In place of training: notes the recipes; a test says what a run leaves behind."""
    seen: list[Recipe] = []

    def pretended(made: Recipe):
        seen.append(made)
        made.output_dir.mkdir(parents=True, exist_ok=True)
        (made.output_dir / "recipe.yaml").write_text(dump(made))
        pretended.leaves(made)

    pretended.leaves = lambda made: None
    pretended.seen = seen
    monkeypatch.setattr("rl.grpo.train", pretended)
    return pretended


def data_of(folder, checkpoint, corpus, **options):
    made = recipe(folder / "one", checkpoint, corpus, **options)
    return yaml.safe_load(dump(made)) | options


def test_all_ways_of_a_seed_come_before_the_next_and_failures_stay_in_the_list(
    train, checkpoint, corpus, tmp_path
):
    def leaves(made):
        if made.output_dir.name == "slow-0":
            raise FaceLLMError("nothing to learn from")

    train.leaves = leaves
    data = data_of(tmp_path, checkpoint, corpus)
    ways = {"fast": {"learning_rate": 0.1}, "slow": {"learning_rate": 0.001}}
    runs = series.made(data, ways, series.planned(data, ways, 2, tmp_path / "out"))
    assert [r.folder.name for r in runs] == ["fast-0", "slow-0", "fast-1", "slow-1"]
    assert [r.failure for r in runs] == [None, "nothing to learn from", None, None]
    assert [(r.seed, r.learning_rate) for r in train.seen][1:3] == [(0, 0.001), (1, 0.1)]
    assert {r.evaluate for r in train.seen} == {0}
    assert series.failures(runs)[:3] == [
        "1 of 4 runs have no model:", "", "- slow-0: nothing to learn from",
    ]  # fmt: skip
    with pytest.raises(FaceLLMError, match="the run odd-0: learning_rate"):
        series.planned(data, {"odd": {"learning_rate": -1}}, 1, tmp_path / "out")
    with pytest.raises(FaceLLMError, match="choose another --out"):
        series.planned(data, ways, 1, tmp_path / "one")


def test_each_reward_goes_in_turn_and_units_are_paid_in_one_place(checkpoint, corpus, tmp_path):
    units = {"weight": 1.0, "protocol": "rig23", "over": "both"}
    rubric = {"au_f1": units, "expression": 0.5, "format": 0.25}
    made = recipe(tmp_path, checkpoint, corpus, rubric=rubric)
    ways = ablate.ways_of(made)
    assert list(ways) == [
        "full", "without_au_f1", "without_expression", "without_format", "units_in_the_evidence",
        "units_in_the_answer",
    ]  # fmt: skip
    assert ways["full"] == {}
    assert set(ways["without_expression"]["rubric"]) == {"au_f1", "format"}
    paid = ways["units_in_the_answer"]["rubric"]
    assert paid["au_f1"] == units | {"over": "answer"} and paid["expression"]["weight"] == 0.5
    one = recipe(tmp_path, checkpoint, corpus, rubric={"au_f1": {**units, "over": "evidence"}})
    with pytest.raises(FaceLLMError, match="the rubric has au_f1 alone"):
        ablate.ways_of(one)


class Told:
    """Answers the first so many questions right, as its run's name says."""

    RIGHT = {"full-0": 2, "full-1": 1, "without_format-0": 1, "without_format-1": 0}  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012

    def __init__(self, folder, use_cpu):
        self.right = self.RIGHT.get(folder.parent.name, 0)
        self.processor = AutoProcessor.from_pretrained(folder)
        Told.asked.append(folder.parent.name)

    def __call__(self, corpus, asked):
        return [RIGHT if n < self.right else WRONG for n in range(len(asked))]


def test_an_ablation_is_a_table_beside_the_full_rubric(
    train, checkpoint, corpus, tmp_path, monkeypatch
):
    def leaves(made):
        if made.output_dir.name.startswith("without_expression"):
            raise FaceLLMError("nothing to learn from")
        shutil.copytree(checkpoint, made.output_dir / "model", dirs_exist_ok=True)

    train.leaves = leaves
    monkeypatch.setattr(report, "Answerer", Told)
    rubric = {"expression": 2.0, "format": 1.0}
    made = recipe(
        tmp_path / "one", checkpoint, corpus, rubric=rubric, tasks={"expression": 1}, evaluate=50
    )
    (tmp_path / "r.yaml").write_text(dump(made))
    out = tmp_path / "out"
    for _ in range(2):  # the second time nothing is asked anew
        ablate.main(tmp_path / "r.yaml", None, 2, out)
    assert len(Told.asked) == 1 + 4
    ways = json.loads((out / "ablation.json").read_text())[corpus.name]["expression"]
    assert list(ways) == ["full", "without_format"]
    # Two held-out faces: the start model gets none right, full 2 and 1 of them, without format 1
    # and 0; every answer is in the grammar.
    assert ways["full"]["expression"]["difference"]["value"] == 0.75
    assert ways["without_format"]["expression"]["difference"]["value"] == -0.5
    assert ways["without_format"]["reward"]["difference"]["value"] == -1.0
    assert ways["without_format"]["expression"]["runs"] == [-0.25, -0.75]
    text = (out / "ablation.md").read_text()
    assert f"### {corpus.name}: expression, 2 answers" in text
    assert "| full against start | 1.000 → 2.500" in text
    assert "| without format against full | 2.500 → 1.500" in text
    assert "2 of 6 runs have no model" in text and "without_expression-1: nothing to" in text
    with pytest.raises(FaceLLMError, match="set it to 200"):
        ablate.main(tmp_path / "r.yaml", ["evaluate=0"], 1, out)
    assert check(Recipe, yaml.safe_load((out / "full-0/recipe.yaml").read_text()), "r").seed == 0


CURVES = {
    "plain-0": [0.1, 0.2, 0.3, 0.3, 0.4, 0.5],  # last level 0.4
    "utility-0": [0.1, 0.3, 0.9, 0.0, 0.4, 0.8],  # 0.43 at once
    "plain-1": [0.1, 0.2, 0.3, 0.6],
    "utility-1": [0.1, 0.2, 0.2, 0.1],
    "plain-2": [0.5, 0.5, 0.5, 0.2],  # fell: there is nothing to reach
    "utility-2": [0.5, 0.5, 0.5, 0.5],
    "plain-3": [0.1, 0.2, 0.3, 0.4],
    "utility-3": [0.1, 0.2, 0.3, 0.4],  # and broke off
}


def test_schedules_are_compared_by_seed_and_failures_are_told(
    train, checkpoint, corpus, tmp_path, capsys
):
    def leaves(made):
        rows = [{"stage": "grpo", "step": 10 * i, "held_out": reward, "rollouts": 320 * i}
                for i, reward in enumerate(CURVES[made.output_dir.name])]  # fmt: skip
        rows.insert(1, {"stage": "grpo", "step": 1, "reward": 9.0})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (made.output_dir / "log.jsonl").write_text(text)
        if made.output_dir.name == "utility-3":
            raise FaceLLMError("the loss is nan")

    train.leaves = leaves
    made = recipe(tmp_path / "one", checkpoint, corpus, pool=8, held_out={"prompts": 4})
    (tmp_path / "r.yaml").write_text(dump(made))
    efficiency.main(tmp_path / "r.yaml", None, 4, tmp_path / "out")
    assert [r.schedule for r in train.seen[:2]] == ["plain", "utility"]
    lines = (tmp_path / "out/efficiency.md").read_text().splitlines()
    assert lines[2] == "| 0 | 1600 | 0.2000 | 0.4000 | 0.4000 | 640 | 40% |"
    assert lines[3] == "| 1 | 960 | 0.2000 | 0.3667 | 0.1667 | never | – |"
    assert lines[4] == "| 2 | 960 | 0.5000 | 0.4000 | 0.5000 | plain did not rise | – |"
    assert lines[5] == "| 3 | 960 | 0.2000 | 0.3000 | – | – | – |"
    said = "1 of 4 seeds reach the plain schedule's last level, with 40% of its answers on average."
    assert said in lines and "- utility-3: the loss is nan" in lines
    assert (tmp_path / "out/efficiency.png").stat().st_size > 1000
    with pytest.raises(FaceLLMError, match="measures nothing"):
        efficiency.main(tmp_path / "r.yaml", ["held_out.prompts=0"], 1, tmp_path / "out")
    short = tmp_path / "out/plain-0"
    (short / "log.jsonl").write_text('{"stage": "grpo", "step": 0, "held_out": 1, "rollouts": 0}\n')
    with pytest.raises(FaceLLMError, match="1 times, more than 3 are needed"):
        efficiency.read_curve(short)
