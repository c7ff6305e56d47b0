"""Two runs are compared question by question."""

import pytest
import yaml

from eval.compare import compare, table
from eval.differences import holm
from eval.run import run
from facellm.core.errors import FaceLLMError


@pytest.fixture(scope="module")
def runs(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("compare")
    made = {}
    for kind, task in (("gold", "reasoning"), ("shuffled", "reasoning"), ("gold", "caption")):
        name = f"{kind}-{task}"
        data = {
            "output_dir": str(folder / name),
            "benchmarks": [{"name": task, "task": task, "corpus": str(corpus)}],
            "models": {"model": {"kind": kind}},
            "guesses": False,
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data))
        made[name] = str(run(path))
    return made


def test_gold_beats_another_faces_gold_on_every_part(runs):
    found = {d.part: d for d in compare(runs["shuffled-reasoning"], runs["gold-reasoning"])}
    assert found["score"].b == 1.0 and found["score"].clear
    assert found["evidence_f1"].difference.value > 0.3 and found["evidence_f1"].worse == 0
    assert found["format"].difference.value == 0 and not found["format"].clear
    assert "**" in table(list(found.values()))


def test_scores_are_tested_and_adjusted_together(runs):
    found = compare(runs["shuffled-reasoning"], runs["gold-reasoning"])
    [score] = [d for d in found if d.part == "score"]
    # Gold wins in all ten people: only the observed signs and their mirror image reach it.
    assert score.p == pytest.approx(2 / 2**10) and score.p_holm == score.p
    assert all(d.p is None and d.p_holm is None for d in found if d.part != "score")
    assert "| 0.002 | 0.002 |" in table(found)


def test_holm_by_hand():
    # Sorted 0.01 0.02 0.04 0.30: ·4 ·3 ·2 ·1 = 0.04 0.06 0.08 0.30, none below its forerunner.
    assert holm([0.04, 0.30, 0.01, 0.02]) == pytest.approx([0.08, 0.30, 0.04, 0.06])
    # 0.03·2 = 0.06 is not undercut by 0.04·1; 0.6·2 is cut at 1.
    assert holm([0.03, 0.04]) == pytest.approx([0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


def test_a_run_against_itself_differs_in_nothing(runs):
    [score, *_] = compare(runs["gold-reasoning"], runs["gold-reasoning"] + ":model")
    assert score.difference.value == score.difference.low == 0 and score.better == 0
    assert score.p == score.p_holm == 1.0


def test_runs_that_cannot_be_compared_say_why(runs, tmp_path):
    with pytest.raises(FaceLLMError, match="no benchmark in common: reasoning against caption"):
        compare(runs["gold-reasoning"], runs["gold-caption"])
    with pytest.raises(FaceLLMError, match=r"no samples\.parquet"):
        compare(str(tmp_path), runs["gold-caption"])
    with pytest.raises(FaceLLMError, match="holds no model 'x'"):
        compare(runs["gold-reasoning"] + ":x", runs["gold-reasoning"])
