"""Recipes: YAML to a typed model, with `${VAR:-default}` and `dotted.key=value` overrides.

What a recipe holds is declared by whoever runs it (`facellm.train.recipe`, `data_engine.recipe`);
how it is read, overridden and complained about is the same for all and stands here.
"""

import os
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from facellm.core.errors import FaceLLMError, given

_ALTERNATIVE = re.compile(r"[A-Z]\w*$|[\w-]+\[.*\]$|(?:int|float|str|bool)$")
"""A part of an error's place that is no key: pydantic's name of one of the types allowed there."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Part(BaseModel):
    """Base of a recipe and its parts: unknown keys are errors, help stands under each field."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


AnyPart = TypeVar("AnyPart", bound=BaseModel)


def load(kind: type[AnyPart], path: Path, overrides: Sequence[str] = ()) -> AnyPart:
    """Read a recipe of this kind, fill in the environment, apply overrides, check it.

    Args:
        kind: what the recipe must hold.
        path: a YAML file; `${VAR}` and `${VAR:-default}` in it come from the environment.
        overrides: `dotted.key=value`; values are YAML, list items are named by their index.

    Raises:
        FaceLLMError: an unreadable file, an unknown key, a value of the wrong type, in one line
            that names the place in the recipe.
    """
    return check(kind, read(path, overrides), f"recipe {path}")


def read(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a recipe as plain YAML, unchecked; arguments and errors are those of `load`."""
    if not path.is_file():
        raise FaceLLMError(f"no recipe {given(path)}; expected a YAML file")
    try:
        data = yaml.safe_load(_VARIABLE.sub(_variable, path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FaceLLMError(f"recipe {path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise FaceLLMError(f"recipe {path} holds {given(data)}; expected keys and values")
    for override in overrides:
        _override(data, override)
    return data


def check(kind: type[AnyPart], data: Any, where: str) -> AnyPart:
    """Validate plain data as a recipe or part; `where` opens the message of its one-line error."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # Of a value that may be several things, the error of the one that it resembles most.
        first = max(error.errors(), key=lambda e: len(e["loc"]))
        place, message = list(first["loc"]), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = no_option(str(place.pop()), _keys_at(kind, place))
        key = ".".join(str(part) for part in place if not _ALTERNATIVE.match(str(part)))
        raise FaceLLMError(f"{where}: {key + ': ' if key else ''}{message}") from None


def no_option(name: str, known: Iterable[str]) -> str:
    """The message about a key that is none of the known ones; names the nearest of these."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    return f"no option {given(name)}{guess}; expected one of {', '.join(names) or 'none'}"


def _keys_at(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The keys that may stand at a place, given as pydantic tells it."""
    models = [kind]
    for part in place:
        models = [m for model in models for m in _models_of(model, part)] or models
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _models_of(model: type[BaseModel], key: int | str) -> list[type[BaseModel]]:
    """The models that the value of a field may be, or hold."""
    field = model.model_fields.get(str(key))
    return _named_in(field.annotation) if field is not None else []


def _named_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _named_in(inner)]


def dump(recipe: BaseModel) -> str:
    """The recipe as YAML with every default filled in: what a run writes beside its results."""
    text: str = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def claim(folder: Path, resolved: str) -> None:
    """Mark a run's folder with its recipe, `recipe.yaml`, or find that it bears the same one.

    Raises:
        FaceLLMError: the folder was begun with another recipe; with the keys that differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    if path.is_file() and path.read_text(encoding="utf-8") != resolved:
        before, now = (yaml.safe_load(text) for text in (path.read_text("utf-8"), resolved))
        changed = [key for key in {**now, **before} if before.get(key) != now.get(key)]
        if changed:  # else they are written differently, and say the same
            raise FaceLLMError(
                f"{folder} holds a run whose recipe differs in {', '.join(changed)}; "
                "choose another output_dir, or delete that folder to start again"
            )
    path.write_text(resolved, encoding="utf-8")


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    value = os.environ.get(name, default)
    if value is None:
        raise FaceLLMError(f"the recipe needs the environment variable {name}, which is not set")
    return value


def _override(data: Any, override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign:
        raise FaceLLMError(f"override {given(override)} has no '='; expected dotted.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise FaceLLMError(f"override {given(override)}: the value is not YAML") from None
    *keys, last = key.split(".")
    try:
        for name in keys:
            data = data[int(name)] if isinstance(data, list) else data.setdefault(name, {})
        data[int(last) if isinstance(data, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError):
        raise FaceLLMError(f"override {given(override)} names no place in the recipe") from None
