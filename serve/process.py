"""A server in a process of its own, for the demo, the benchmark and the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

from facellm.checkpoint import checkpoint_folder, model_name
from facellm.core.errors import FaceLLMError

PATIENCE = 300.0
"""Seconds a small model may take to start on a slow machine."""


class ServerProcess:
    """`facellm serve` on a free port: started on construction, stopped when the block ends."""

    def __init__(self, log: Path, model: Path | None = None, options: Sequence[str] = ()) -> None:
        """Start; returns at once.

        Args:
            log: file for what the server prints.
            model: a model folder; None is the one that ships with the package.
            options: more options of `facellm serve`.

        Raises:
            FaceLLMError: a folder that holds no model.
        """
        folder = checkpoint_folder(model)
        self.model = model_name(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        line = [sys.executable, "-c", "from facellm.cli import main; main()", "serve"]
        line += ["--model", str(folder), "--port", str(self.port), *options]
        with log.open("w") as out:
            # A session of its own: an interrupt at the terminal reaches this process alone, which
            # then stops the server and whatever the server started.
            self._process = subprocess.Popen(
                line, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the process that listens."""
        return self._process.pid

    def ended(self, seconds: float) -> int | None:
        """The exit code, waiting for it; None where it still runs after `seconds`."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait(self, seconds: float = PATIENCE) -> None:
        """Wait until the server answers.

        Raises:
            FaceLLMError: it ended or did not answer in time; with the last line it printed.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise FaceLLMError(f"the server did not start: {self._last_line()}")
            try:
                if httpx.get(f"{self.url}/health", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise FaceLLMError(f"no answer in {seconds:.0f} seconds; see {self.log}")

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
