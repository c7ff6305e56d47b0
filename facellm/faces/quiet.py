"""Silence libraries that log from C++ straight to the process's stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 nowhere for a moment.

    The descriptor belongs to the process: what another thread prints meanwhile is lost too, so keep
    this around loading a model, never around work.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a service without a stderr has nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
