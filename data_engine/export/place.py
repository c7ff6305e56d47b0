"""Where an export goes: a folder that appears finished or not at all.

Everything is written into `NAME.part` beside the target and the folder is renamed as the very last
step, so that nobody ever reads half an export, whatever kills the process.
"""

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facellm.core.errors import FaceLLMError

MARKER = "export.json"
"""Written last: the numbers of the export. A folder with it is a finished export."""
_LOCK = ".lock"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def appearing_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write into that becomes `out` when the block ends without an error.

    What an export that was killed left behind is thrown away; a running one is left alone.

    Raises:
        FaceLLMError: `out` holds something already and may not be replaced, another export into it
            is running, the folder cannot be written, or the disk is full.
    """
    out = out.absolute()  # "." has no name to put ".part" behind
    _check_target(out, overwrite)
    part = out.with_name(out.name + ".part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        with (part / _LOCK).open("w") as lock:
            _take(lock.fileno(), out)
            _clear(part)
            try:
                yield part
                (part / _LOCK).unlink()
                _publish(part, out)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except OSError as error:
        raise _mendable(error, out) from error


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON for people and programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def _check_target(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise FaceLLMError(f"{out} is a file; expected a folder to export into, choose another out")
    if not any(out.iterdir()):
        return
    if not (out / MARKER).is_file():
        raise FaceLLMError(f"{out} holds files that are no export; choose another out")
    if not overwrite:
        raise FaceLLMError(
            f"{out} holds a finished export; give overwrite: true to replace it, or another out"
        )


def _take(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FaceLLMError(f"another export into {out} is running; wait for it") from None


def _clear(part: Path) -> None:
    for left in part.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name != _LOCK:
            left.unlink()


def _publish(part: Path, out: Path) -> None:
    """Rename; the export that is replaced goes only once the new one is in its place."""
    old = out.with_name(out.name + ".old")
    if out.exists():
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _mendable(error: OSError, out: Path) -> FaceLLMError | OSError:
    if error.errno in _NO_ROOM or "No space left" in str(error):
        return FaceLLMError(
            f"no space left on the disk of {out}; nothing was published and the unfinished files "
            "were removed: free some space or choose another out, then export again"
        )
    if isinstance(error, PermissionError):
        return FaceLLMError(f"{error.filename} may not be written; choose another out")
    return error
