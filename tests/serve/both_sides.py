"""Runs a script that compares both engines in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PARITY = Path(__file__).with_name("parity.py")


def both_sides(checkpoint: Path, out: Path, *more: str, script: Path = PARITY) -> dict[str, Any]:
    """What `script` writes about a checkpoint."""
    line = [sys.executable, str(script), str(checkpoint), str(out), *more]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(out.read_text())
    return result
