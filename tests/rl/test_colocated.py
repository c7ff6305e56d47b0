"""Answers by vLLM in the trainer's process, on the real engine, and what must not pass silently."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rl_recipes import recipe
from transformers import AutoModelForImageTextToText

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from facellm.train import lora
from facellm.train.recipe import Lora
from rl.colocated import collapsed, served

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
