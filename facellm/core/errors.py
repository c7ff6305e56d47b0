"""Errors a user can act on: one line that says what was given, what is expected and what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class FaceLLMError(ValueError):
    """A mistake in the input that its sender can mend; commands print it alone and exit with 2."""


@contextmanager
def one_line(command: str) -> Iterator[None]:
    """End a command with `command: what is wrong` on standard error and exit code 2."""
    try:
        yield
    except FaceLLMError as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def given(value: object, limit: int = 80) -> str:
    """Quote `value` for an error message, cut to `limit` characters to stay a line.

    The middle goes: a path is known by its end, an answer by its beginning.
    """
    text = repr(str(value))
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"
