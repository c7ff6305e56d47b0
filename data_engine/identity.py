"""Whose folder a run's folder is: one run at a time, and always the same recipe.

Results are a function of what `identity` holds. How many workers compute them, on which executor,
and what is exported from them may change between two starts of a run.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data_engine.recipe import Recipe
from data_engine.shards import KINDS, write_whole
from facellm.core.errors import FaceLLMError

_PACKAGES = ("facellm", "numpy", "pillow", "opencv-python-headless")
"""Whose versions decide about pixels and texts."""


def identity(resolved: Recipe) -> dict[str, Any]:
    """What the results depend on, as JSON."""
    kept = resolved.model_dump(
        mode="json", include={"seed", "sources", "steps", "shard_size", "limit"}
    )
    for part, step in zip(kept["steps"], resolved.made_steps(), strict=True):
        for option in step.indifferent:
            _drop(part, option.split("."))
    return {**kept, "versions": {name: _version(name) for name in _PACKAGES}}


def _drop(part: Any, path: list[str]) -> None:
    """Take out what lies under the names of `path`, in each entry of a list."""
    if isinstance(part, list):
        for entry in part:
            _drop(entry, path)
    elif isinstance(part, dict):
        if len(path) == 1:
            part.pop(path[0], None)
        else:
            _drop(part.get(path[0]), path[1:])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder; the system gives it free if this process dies.

    Raises:
        FaceLLMError: another run works in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceLLMError(f"cannot make {folder}: {error.strerror}") from None
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FaceLLMError(
                f"another run ({lock.read().strip() or 'unknown'}) works in {folder}; "
                "wait for it, or choose another output_dir"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def settle(folder: Path, now: dict[str, Any]) -> None:
    """Mark a new folder with the identity of its run, or check that it is the same run.

    A run that stopped before anything was finished leaves the folder free: its recipe was wrong.

    Raises:
        FaceLLMError: the folder was begun with something else, or holds somebody else's corpus.
    """
    path = folder / "identity.json"
    begun = (folder / "report.json").is_file() or any(folder.glob("work/*/*.done"))
    if not (path.is_file() and begun):
        for kind in KINDS:
            if not path.is_file() and (folder / f"{kind}.jsonl").exists():
                raise FaceLLMError(
                    f"{folder} holds a {kind}.jsonl of which this engine knows nothing; "
                    "choose another output_dir"
                )
        write_whole(path, json.dumps(now, indent=1, ensure_ascii=False) + "\n")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changes = list(_changes("", before, now))
    if changes:
        raise FaceLLMError(
            f"{folder} was begun with another recipe: {'; '.join(changes[:3])}; "
            "set it back, or choose another output_dir"
        )


def _changes(key: str, before: Any, now: Any) -> Iterator[str]:
    """The dotted keys in which two JSON values differ, with both values."""
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        before, now = dict(enumerate(before)), dict(enumerate(now))
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            inner = f"{key}.{name}" if key else str(name)
            yield from _changes(inner, before.get(name), now.get(name))
    elif before != now:
        yield f"{key} was {_short(before)} and is {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
