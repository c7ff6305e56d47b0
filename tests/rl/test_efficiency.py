"""Rollouts to a level, counted by hand from written logs."""

import json
from pathlib import Path

import pytest

from facellm.core.errors import FaceLLMError
from rl.efficiency import main, pairs, read_curve


def run(folder: Path, schedule: str, seed: int, rewards: list[float]) -> Path:
    folder.mkdir()
    (folder / "recipe.yaml").write_text(f"{{schedule: {schedule}, seed: {seed}}}")
    rows = [{"stage": "grpo", "step": 10 * i, "held_out": reward, "rollouts": 320 * i}
            for i, reward in enumerate(rewards)]  # fmt: skip
    rows.insert(1, {"stage": "grpo", "step": 1, "reward": 9.0})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_level_is_a_mean_of_three(tmp_path, capsys):
    runs = [
        run(tmp_path / "a", "plain", 0, [0.1, 0.2, 0.3, 0.3, 0.4, 0.5]),  # last level 0.4
        run(tmp_path / "b", "utility", 0, [0.1, 0.3, 0.9, 0.0, 0.4, 0.8]),  # 0.43 at once
        run(tmp_path / "c", "plain", 1, [0.1, 0.2, 0.3, 0.6]),
        run(tmp_path / "d", "utility", 1, [0.1, 0.2, 0.2, 0.1]),
    ]
    first, second = pairs([read_curve(folder) for folder in runs])
    assert first.plain.levels[-1] == pytest.approx(0.4)
    assert first.reached == 320 * 2 and first.share == pytest.approx(2 / 5)
    assert second.reached is None
    main(runs, tmp_path / "curves.png")
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("reached at 640 (40%)") and said[1].endswith("not reached")
    assert said[2] == "1 of 2 seeds reach the plain schedule's last level, mean share 40%"
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_runs_that_cannot_be_compared_are_refused(tmp_path):
    short = run(tmp_path / "a", "plain", 0, [0.1, 0.2])
    with pytest.raises(FaceLLMError, match="2 times, more than 3 are needed"):
        read_curve(short)
    with pytest.raises(FaceLLMError, match="holds no run"):
        read_curve(tmp_path)
    alone = read_curve(run(tmp_path / "b", "plain", 0, [0.1] * 5))
    with pytest.raises(FaceLLMError, match="seed 0: name one run of schedule plain and one"):
        pairs([alone])
