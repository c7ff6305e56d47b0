"""Several processes learn what one learns that accumulates more often."""

import json
import multiprocessing
import os
import socket
import sys
import traceback
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_corpus import recipe_text, write_corpus

STAGES = [
    {"name": "see", "objective": "see", "max_steps": 2, "per_device_train_batch_size": 3},
    {"name": "speak", "objective": "answer", "max_steps": 4, "save_steps": 2,
     "per_device_train_batch_size": 3, "logging_steps": 1, "learning_rate": 1e-3},
]  # fmt: skip


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    corpus = write_corpus(folder / "corpus")
    path = folder / "recipe.yaml"
    text = recipe_text(folder / "run", corpus)
    path.write_text(text[: text.index("stages:")] + "use_cpu: true\nevaluate: 0\nstages: []\n")
    return path


def one(rank: int, processes: int, port: int, recipe: Path, overrides: list[str]) -> None:
    """What torchrun starts: a process that knows its rank from the environment."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "LOCAL_WORLD_SIZE": str(processes)})
    torch.set_num_threads(1)
    from facellm.train import run

    try:
        run(recipe, overrides)
    except BaseException:
        Path(f"{recipe}.{rank}.txt").write_text(traceback.format_exc())
        sys.exit(1)


def start(recipe: Path, processes: int, name: str, *more: str) -> Path:
    """Run the recipe in so many processes on CPUs; returns the run's folder."""
    stages = [stage | {"gradient_accumulation_steps": 2 // processes} for stage in STAGES]
    folder = recipe.parent / name
    overrides = [f"output_dir={folder}", f"stages={json.dumps(stages)}", *more]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["facellm.train.stages"])  # read once for all processes
    all_of = [
        context.Process(target=one, args=(rank, processes, port, recipe, overrides))
        for rank in range(processes)
    ]
    for process in all_of:
        process.start()
    for process in all_of:
        process.join(500)
        if process.exitcode != 0:
            for other in all_of:
                other.kill()
            said = [Path(f"{recipe}.{rank}.txt") for rank in range(processes)]
            pytest.fail("\n".join(file.read_text() for file in said if file.is_file()) or "killed")
    return folder


def compiled() -> bool:
    """Whether what DeepSpeed compiles when it first runs on CPUs is there."""
    places = os.environ.get("TORCH_EXTENSIONS_DIR", Path.home() / ".cache/torch_extensions")
    return any(Path(places).glob("**/deepspeed_shm_comm*.so"))


def losses(folder: Path) -> list[float]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [row["train/loss"] for row in map(json.loads, lines)]


@pytest.fixture(scope="module")
def alone(recipe):
    return start(recipe, 1, "alone")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("regime", [[], ["fsdp=true"], ["deepspeed=2"], ["deepspeed=3"]])
def test_two_processes_learn_what_one_learns(recipe, alone, regime):
    if regime and regime[0].startswith("deepspeed") and not compiled():
        pytest.skip("DeepSpeed's part for CPUs is not compiled yet: its first use takes minutes")
    folder = start(recipe, 2, "-".join(["two", *regime]).replace("=", ""), *regime)
    # The order of sums is all that differs; losses are logged with five digits.
    assert losses(folder) == pytest.approx(losses(alone), rel=2e-4)
    expected, got = (load_file(f / "model/model.safetensors") for f in (alone, folder))
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=2e-3, msg=name)
