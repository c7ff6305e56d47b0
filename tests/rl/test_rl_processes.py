"""Two processes learn what one learns from the same answers, and draw the same prompts."""

import json
import multiprocessing
import os
import socket
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from rl_recipes import TOKENS, recipe
from safetensors.torch import load_file

from facellm.core.recipe import dump

STEPS = 3


def one(rank: int, processes: int, port: int, written: Path, out: Path) -> None:
    """What torchrun starts; answers depend on the step and the row alone."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "LOCAL_WORLD_SIZE": str(processes)})
    torch.set_num_threads(1)
    try:
        from rl import run
        from rl.schedule import Schedule
        from rl.trainer import FaceGRPOTrainer

        drawn: list[list[int]] = []

        def generate(self, prompt_ids, *args):
            answers = []
            for row in range(len(prompt_ids)):
                number = rank * len(prompt_ids) + row
                rng = np.random.default_rng([self.state.global_step, number])
                answers.append(rng.integers(40, 90, rng.integers(2, TOKENS)).tolist())
            return answers, None

        whole = Schedule.draw

        def noted(self, t):
            drawn.append(whole(self, t))
            return drawn[-1]

        FaceGRPOTrainer._generate_single_turn = generate  # type: ignore[method-assign]
        Schedule.draw = noted  # type: ignore[method-assign]
        ends: dict[str, object] = {}
        learn = Schedule.learn

        def learned(self, *args):
            learn(self, *args)
            ends.update(mean=self.mean.tolist(), visits=self.visits.tolist())

        Schedule.learn = learned  # type: ignore[method-assign]
        run(written)
        out.write_text(json.dumps({"drawn": drawn, **ends}))
    except BaseException:
        out.write_text(traceback.format_exc())
        sys.exit(1)


def start(written: Path, processes: int) -> list[dict[str, object]]:
    """Run in so many processes on CPUs; what each drew and learned."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    outs = [written.with_suffix(f".{processes}.{rank}.json") for rank in range(processes)]
    all_of = [
        context.Process(target=one, args=(rank, processes, port, written, out))
        for rank, out in enumerate(outs)
    ]
    for process in all_of:
        process.start()
    for process in all_of:
        process.join(900)
    if any(process.exitcode != 0 for process in all_of):
        for process in all_of:
            process.kill()
        pytest.fail("\n".join(out.read_text() for out in outs if out.is_file()) or "killed")
    return [json.loads(out.read_text()) for out in outs]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("level", [0, 2])
def test_two_processes_learn_what_one_learns(level, checkpoint, corpus, tmp_path):
    """Two that keep all of the optimiser each, and two that keep half of it (ZeRO-2)."""
    if level:
        pytest.importorskip("deepspeed")
    folders, said = [], []
    for processes in (1, 2):
        made = recipe(
            tmp_path / f"run{processes}", checkpoint, corpus, schedule="utility", pool=6,
            max_steps=STEPS, per_device_train_batch_size=8 // processes, samples=0,
            deepspeed=level if processes == 2 else 0,
        )  # fmt: skip
        written = tmp_path / f"{processes}.yaml"
        written.write_text(dump(made))
        said += start(written, processes)
        folders.append(made.output_dir)
    alone, first, second = said
    assert first == second, "the schedule differs between the processes"
    assert first["drawn"] == alone["drawn"] and len(alone["drawn"]) == STEPS
    assert first["visits"] == alone["visits"]
    assert first["mean"] == pytest.approx(alone["mean"])
    rows = [
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in folders
    ]
    for name in ("reward", "rewards/length/mean", "zero_advantage", "grad_norm", "loss"):
        of_one, of_two = ([row[name] for row in own] for own in rows)
        assert of_two == pytest.approx(of_one, rel=1e-3, abs=1e-6), name
    expected, got = (load_file(folder / "model/model.safetensors") for folder in folders)
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=2e-3, msg=name)
