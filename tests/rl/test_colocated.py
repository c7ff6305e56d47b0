"""Answers by vLLM in the trainer's process, on the real engine, and what must not pass silently."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rl_recipes import recipe
from transformers import AutoModelForImageTextToText

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check, dump
from facellm.train import lora
from facellm.train.recipe import Lora
from rl.colocated import Colocated, Room, Sampling, collapsed, served

SCRIPT = Path(__file__).with_name("vllm_run.py")


def test_pictures_are_one_token_each_even_side_by_side():
    ids = [5, 9, 9, 9, 9, 6, 9, 9]
    assert collapsed(ids, 9, iter([3, 1, 2])) == [5, 9, 9, 6, 9]
    assert collapsed([5, 6], 9, iter([])) == [5, 6]


def test_adapters_are_added_to_what_is_served(checkpoint):
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    plain = dict(served(model))
    kept = {name: value.clone() for name, value in plain.items()}
    lora.add(model, check(Lora, {"rank": 2}, "lora"))
    for name, value in model.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(value)
    adapted = dict(served(model))
    assert adapted.keys() == kept.keys()
    lora.merge(model)
    merged = model.state_dict()
    assert any(not torch.equal(adapted[name], kept[name]) for name in kept)
    for name, value in adapted.items():
        torch.testing.assert_close(value, merged[name])


def test_what_vllm_cannot_do_is_said_before_the_run(tmp_path):
    with pytest.raises(FaceLLMError, match="temperature and top_p other than 1"):
        recipe(tmp_path, tmp_path, tmp_path, rollouts="vllm", temperature=0.8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_vllm_answers_with_the_trainers_weights_or_the_run_stops(checkpoint, corpus, tmp_path):
    pytest.importorskip("vllm")
    line = [sys.executable, str(SCRIPT), *map(str, (tmp_path, checkpoint, corpus))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    out = json.loads((tmp_path / "out.json").read_text())
    assert len(out["differences"]) == 3 and max(out["differences"]) < 5e-4
    assert len(set(out["rewards"])) > 1
    assert "log-probabilities differ by" in out["stale"]
    assert "does not hold the trainer's weights" in out["lost"]
    assert "norm.weight is off by" in out["lost"]
    assert "not the one of" in out["expanded"]
    assert out["afterwards"] == 2
    for said in ("stale", "lost", "expanded"):
        assert "\n" not in out[said]


@pytest.mark.slow
def test_an_engine_that_dies_is_one_line(tmp_path):
    pytest.importorskip("vllm")

    class Dead:
        def generate(self, *_, **__):
            raise RuntimeError("EngineCore died")

    beside = Colocated(tmp_path, Sampling(8, [2], 3), Room(4, 0.3))
    beside.llm = Dead()
    with pytest.raises(FaceLLMError, match=r"gave no answers \(RuntimeError: EngineCore died\)"):
        beside.generate([], [], [])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_of_two_processes_has_an_engine_of_its_own(checkpoint, corpus, tmp_path):
    pytest.importorskip("vllm")
    made = recipe(
        tmp_path / "run", checkpoint, corpus, rollouts="vllm", max_steps=2,
        per_device_train_batch_size=4, learning_rate=1e-2,
    )  # fmt: skip
    (tmp_path / "r.yaml").write_text(dump(made))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "facellm.cli", "rl", str(tmp_path / "r.yaml")]
    both = []
    for rank in range(2):
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
        names |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
        told = os.environ | {name: str(value) for name, value in names.items()}
        log = (tmp_path / f"{rank}.txt").open("w")
        both.append(subprocess.Popen(line, env=told, stdout=log, stderr=subprocess.STDOUT))
    codes = [process.wait() for process in both]
    assert codes == [0, 0], (tmp_path / "0.txt").read_text()[-3000:]
    rows = [json.loads(row) for row in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(rows) == 2 and max(row["sampling_difference"] for row in rows) < 5e-4
    assert rows[0]["reward"] != rows[1]["reward"]
