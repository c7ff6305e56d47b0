"""Errors a user can act on: one line that says what was given, what is expected and what to do."""


class FaceLLMError(ValueError):
    """A mistake in the input that its sender can mend; commands print it alone and exit with 2."""


def given(value: object, limit: int = 80) -> str:
    """Quote `value` for an error message, cut to `limit` characters to stay a line."""
    text = repr(str(value))
    return text if len(text) <= limit else text[: limit - 2] + "…'"
