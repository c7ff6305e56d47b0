"""Checkpoints of a stage: written whole or not at all, so that a killed run goes on from the last.

One file, `STAGE.pt`, holds what the stage has changed, its optimiser and its log's open line.
DeepSpeed's processes write a folder each their own part of, `STAGE.deepspeed/STEP`; the file then
names the step. When the stage is done the file alone is left, without the optimiser.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from facellm.core.errors import FaceLLMError
from facellm.train.engine import Engine
from facellm.train.log import Meter


@contextmanager
def writing(what: str, path: Path, kept: str = "") -> Iterator[None]:
    """One line where a file cannot be written; what was half written is removed.

    Raises:
        FaceLLMError: the disk is full, the folder is gone, or the like.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch's writer says "file write failed", or "unexpected pos" when it is closed after that.
        if isinstance(error, RuntimeError) and not re.search("write|unexpected pos", str(error)):
            raise
        path.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise FaceLLMError(f"cannot write {what} {path}: {reason}; make room{kept}") from None


class Checkpoint:
    """The checkpoint of one stage of a run."""

    def __init__(self, folder: Path, stage: str) -> None:
        self.path = folder / f"{stage}.pt"
        self.parts = folder / f"{stage}.deepspeed"

    def read(self) -> dict[str, Any] | None:
        """What the file holds, None where there is none yet."""
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        except (RuntimeError, OSError, ValueError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise FaceLLMError(
                f"{self.path} is damaged ({reason}); delete it to start the stage again"
            ) from None
        return state

    def resume(self, engine: Engine, meter: Meter) -> int:
        """Take up where the checkpoint stands; the step to go on with, 0 without one."""
        state = self.read()
        if state is None:
            return 0
        step = int(state["step"])
        if engine.deepspeed:
            engine.accelerator.load_state(str(self.parts / str(step)))
        else:
            engine.load(state)
        meter.restore(state["meter"])
        if engine.is_main:
            print(f"resuming {self.path.stem} at step {step}", flush=True)
            if state["micro_batches"] != engine.processes * engine.steps:
                print("another number of processes: the batches differ from now on", flush=True)
        return step

    def save(self, step: int, engine: Engine, meter: Meter) -> None:
        """Write the state after `step` steps; the one before stays until this one is whole."""
        state: dict[str, Any] = {} if engine.deepspeed else engine.state()
        if engine.deepspeed:
            with writing("checkpoint", self.parts / str(step) / "x", self._kept()):
                engine.accelerator.save_state(str(self.parts / str(step)))
            engine.wait()
        if engine.is_main:
            micro = engine.processes * engine.steps
            self._write(state | {"step": step, "meter": meter.state(), "micro_batches": micro})
            for old in self.parts.glob("*") if engine.deepspeed else ():
                if old.name != str(step):
                    shutil.rmtree(old)

    def finish(self, step: int, engine: Engine) -> None:
        """Keep what was learned and drop what was needed to go on."""
        weights = engine.trained()
        if engine.is_main:
            self._write({"step": step, "weights": weights, "done": True})
            shutil.rmtree(self.parts, ignore_errors=True)
        engine.wait()

    def _write(self, state: dict[str, Any]) -> None:
        part = self.path.with_suffix(".part")
        with writing("checkpoint", part, self._kept()):
            torch.save(state, part)
            part.replace(self.path)

    def _kept(self) -> str:
        if not self.path.is_file():
            return " and start again"
        return f" and start again, the run goes on from {self.path}"
