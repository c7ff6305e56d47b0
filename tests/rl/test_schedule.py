"""The schedule by hand, in a world where it is known what it should do, and in a killed run."""

import json
import shutil

import numpy as np
import pytest
from rl_recipes import recipe

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from rl import run
from rl.schedule import CURIOSITY, Schedule


def test_estimates_by_hand():
    schedule = Schedule(pool=4, per_round=2, seed=0)  # H = 2 rounds
    schedule.learn(0, [0, 1], np.array([[0.0, 1.0], [0.2, 0.4]]))
    assert schedule.mean[:2] == pytest.approx([0.5, 0.3])
    assert schedule.spread[:2] == pytest.approx([1.0, 0.2])  # twice the standard deviation
    schedule.learn(2, [1, 2], np.array([[0.6, 1.0], [0.5, 0.5]]))
    # m = 0.8, s = 0.4: progress |0.8 − 0.3|, M = 0.3 + (0.8 − 0.3)/2, S = 0.2 + (0.4 − 0.2)/2
    assert schedule.mean[1] == pytest.approx(0.55)
    assert schedule.spread[1] == pytest.approx(0.3)
    assert schedule.progress[1] == pytest.approx(0.5)
    spread, progress = (1.0 + 0.3 + 0.0) / 3, 0.5
    prior = spread + progress + CURIOSITY
    utility = schedule.utility(2)
    assert utility[0] == pytest.approx(0.5 * (1.0 + progress) + 0.5 * prior)  # seen H rounds ago
    assert utility[1] == pytest.approx(0.3 + 0.5)
    assert utility[3] == pytest.approx(prior)  # never asked


def test_prompts_that_teach_nothing_rest_and_come_back():
    schedule = Schedule(pool=8, per_round=2, seed=0)  # H = 4 rounds
    flat = np.array([[1.0, 1.0], [0.0, 0.0]])
    schedule.learn(0, [0, 1], flat)
    assert schedule.wakes[:2].tolist() == [5, 5]
    numbers = schedule.numbers(0)
    assert numbers == {
        "schedule/asked": 2 / 8,
        "schedule/solved": 1 / 8,
        "schedule/hopeless": 1 / 8,
    }
    for t in range(1, 5):
        assert not {0, 1} & set(schedule.draw(t))
    assert any({0, 1} & set(schedule.draw(t)) for t in range(5, 20))
    schedule.learn(5, [0, 1], np.array([[1.0, 1.0], [0.0, 0.5]]))
    assert schedule.wakes[0] == 5 + 1 + 8 and schedule.naps[:2].tolist() == [2, 0]
    for t in (14, 31, 64, 129):
        schedule.learn(t, [0], flat[:1])
    assert schedule.wakes[0] == 129 + 1 + 32  # not longer than H·2³


def test_every_round_is_full_and_without_repeats_whoever_sleeps():
    schedule = Schedule(pool=6, per_round=4, seed=3)
    schedule.learn(0, [0, 1, 2, 3], np.zeros((4, 2)))
    drawn = schedule.draw(1)
    assert len(set(drawn)) == 4 and {4, 5} <= set(drawn)
    assert drawn == schedule.draw(1) and drawn != schedule.draw(9)


def test_rows_without_a_score_are_no_visit():
    schedule = Schedule(pool=2, per_round=1, seed=0)
    schedule.learn(0, [0], np.array([[np.nan, np.nan]]))
    assert schedule.visits.tolist() == [0, 0]


def learners(seed: int, utility: bool, pool: int = 256, rounds: int = 400) -> list[float]:
    """Chance of a right answer, a round each, of a learner that only differing answers teach.

    Half of the prompts are solved at the start, a fifth is out of reach until what is learned on
    others of the same topic carries over.
    """
    rng = np.random.default_rng([7, seed])
    kinds = rng.choice(3, pool, p=[0.5, 0.3, 0.2])
    skill = np.array([5.0, -1.0, -6.0])[kinds] + rng.normal(0, 1, pool)
    topic, carried = rng.integers(0, 8, pool), np.zeros(8)
    schedule, curve = Schedule(pool, 4, seed), []
    for t in range(rounds):
        chance = 1 / (1 + np.exp(-(skill + carried[topic])))
        curve.append(float(chance.mean()))
        drawn = schedule.draw(t) if utility else [(4 * t + i) % pool for i in range(4)]
        answers = (rng.random((4, 8)) < chance[drawn][:, None]).astype(float)
        schedule.learn(t, drawn, answers)
        for prompt, got in zip(drawn, answers, strict=True):
            if got.std() > 0:
                skill[prompt] += 1.0
                carried[topic[prompt]] += 0.12
    return curve


def test_it_reaches_sooner_what_asking_in_turn_reaches():
    shares = []
    for seed in range(4):
        plain, chosen = learners(seed, utility=False), learners(seed, utility=True)
        assert chosen[-1] > plain[-1]
        shares.append(np.argmax(np.array(chosen) >= plain[-1]) / len(plain))
    assert np.mean(shares) < 0.75


def test_a_state_is_kept_and_refused_for_another_pool(tmp_path):
    schedule = Schedule(pool=8, per_round=2, seed=1)
    for t in range(6):
        drawn = schedule.draw(t)
        schedule.learn(t, drawn, np.random.default_rng(t).random((2, 4)))
    schedule.save(tmp_path / "schedule.json")
    again = Schedule(pool=8, per_round=2, seed=1)
    again.load(tmp_path / "schedule.json")
    assert [again.draw(t) for t in range(6, 20)] == [schedule.draw(t) for t in range(6, 20)]
    with pytest.raises(FaceLLMError, match="is of 8 prompts, not of 9"):
        Schedule(pool=9, per_round=2, seed=1).load(tmp_path / "schedule.json")
    with pytest.raises(FaceLLMError, match=r"no schedule\.json in checkpoint"):
        again.load(tmp_path / "nowhere/schedule.json")


@pytest.mark.slow
def test_a_killed_run_draws_what_it_would_have_drawn(checkpoint, corpus, tmp_path):
    folder = tmp_path / "run"
    made = recipe(
        folder, checkpoint, corpus, max_steps=4, schedule="utility", pool=5,
        held_out={"prompts": 2, "every": 2},
    )  # fmt: skip
    path = tmp_path / "r.yaml"
    path.write_text(dump(made))
    run(path)
    log = (folder / "log.jsonl").read_text()
    state = json.loads((folder / "checkpoints/checkpoint-4/schedule.json").read_text())
    assert sum(state["visits"]) == 8  # two prompts a round
    rows = [json.loads(line) for line in log.splitlines()]
    measured = [row for row in rows if "held_out" in row]
    assert [(row["step"], row["rollouts"]) for row in measured] == [(0, 0), (2, 16), (4, 32)]
    assert any("schedule/asked" in row for row in rows)

    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "checkpoints/checkpoint-4")
    run(path)
    again = json.loads((folder / "checkpoints/checkpoint-4/schedule.json").read_text())
    assert again["visits"] == state["visits"]
    assert again["mean"] == pytest.approx(state["mean"])
    kept = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in kept] == [row["step"] for row in rows]


def test_a_pool_must_hold_a_round(checkpoint, corpus, tmp_path):
    path = tmp_path / "r.yaml"
    made = recipe(tmp_path / "run", checkpoint, corpus, schedule="utility", pool=1)
    path.write_text(dump(made))
    with pytest.raises(FaceLLMError, match="a pool of 1 prompts is too small for rounds of 2"):
        run(path)
