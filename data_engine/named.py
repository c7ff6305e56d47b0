"""What a recipe names: a built-in by its short name, or anybody's own class as `module:Class`."""

import importlib
from collections.abc import Mapping
from typing import Any

from facellm.core.errors import FaceLLMError, given


def load_class(name: str, built_in: Mapping[str, str], base: type, word: str) -> Any:
    """The class of this name, a subclass of `base`.

    Args:
        name: a key of `built_in`, or `module:Class` anywhere.
        built_in: short name → `module:Class`.
        base: what the class must be derived from.
        word: what such a class is called in messages, `source` or `step`.

    Raises:
        FaceLLMError: an unknown name, or something that is no such class.
    """
    module, _, attribute = built_in.get(name, name).partition(":")
    if not attribute:
        raise FaceLLMError(
            f"{given(name)} is not a {word}; expected module:Class or one of {', '.join(built_in)}"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise FaceLLMError(f"cannot load the {word} {given(name)}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, base)):
        raise FaceLLMError(f"{given(name)} is not a {word}; expected a subclass of {base.__name__}")
    return found
