"""Files of json records: a list in one file, or one record a line; each knows where it stands.

A list is held in memory as a whole; lines are read one by one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_engine.sources.base import existing
from facellm.core.errors import FaceLLMError, given

JSON_LINES = (".jsonl", ".ndjson")
_MISSING = object()


@dataclass(frozen=True)
class JsonRecord:
    """One json object of a file."""

    file: Path
    number: int
    """Of the line in a jsonl file, of the entry in a json list, from 1."""
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """`train.json:entry 3`, or `train.jsonl:3`."""
        return _where(self.file, self.number)

    def error(self, problem: str) -> FaceLLMError:
        """The error of this record; `problem` says what was given and what is expected."""
        return FaceLLMError(f"{self.where}: {problem}")

    def text(self, key: str, default: str | None = None) -> str:
        """The text under a key, without blanks around it.

        Raises:
            FaceLLMError: not a text, or not there or empty while there is no default.
        """
        value = self.values.get(key, _MISSING)
        if value is _MISSING or value is None or value == "":
            if default is None:
                raise self.error(f"{key} is missing or empty; expected text")
            return default
        if not isinstance(value, str):
            raise self.error(f"{key} is {given(value)}; expected text")
        return value.strip()

    def texts(self, *keys: str) -> list[str]:
        """The text or list of texts under the first of the keys that has one; else none.

        Raises:
            FaceLLMError: something else under the key.
        """
        for key in keys:
            value = self.values.get(key)
            if value is None or value == "":
                continue
            found = value if isinstance(value, list) else [value]
            if not all(isinstance(item, str) for item in found):
                raise self.error(f"{key} is {given(value)}; expected text or a list of texts")
            return found
        return []


def json_records(path: Path) -> Iterator[JsonRecord]:
    """The records of a json file that holds a list, or of a jsonl file.

    Raises:
        FaceLLMError: no such file, no json, or something that is no object; line or entry named.
    """
    existing(path, "expected a json or jsonl file")
    for number, value in _lines(path) if _by_line(path) else _list(path):
        if not isinstance(value, dict):
            raise FaceLLMError(
                f"{_where(path, number)}: {given(value)} is no record; expected an object {{…}}"
            )
        if not _writable(value):
            raise FaceLLMError(
                f"{_where(path, number)}: holds half of a character, such as \\ud83d without its "
                "other half; expected whole ones"
            )
        yield JsonRecord(path, number, value)


def _writable(value: dict[str, Any]) -> bool:
    """Whether a file can hold the record: JSON can escape halves of characters, UTF-8 has none."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def json_files(path: Path) -> list[Path]:
    """The file itself, or the json and jsonl files below a folder, by path.

    Raises:
        FaceLLMError: a folder without any.
    """
    if path.is_file():
        return [path]
    suffixes = (".json", *JSON_LINES)
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in suffixes and f.is_file())
    if not files:
        raise FaceLLMError(f"no json or jsonl file in {path}; expected at least one")
    return files


def _by_line(path: Path) -> bool:
    return path.suffix.lower() in JSON_LINES


def _where(path: Path, number: int) -> str:
    return f"{path.name}:{number}" if _by_line(path) else f"{path.name}:entry {number}"


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, json.loads(line.decode("utf-8-sig"))
                except json.JSONDecodeError as error:
                    at = f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
                    raise FaceLLMError(f"{_where(path, number)}: no json: {at}") from None
                except UnicodeDecodeError:
                    raise FaceLLMError(f"{_where(path, number)}: expected UTF-8") from None
                except (ValueError, RecursionError) as error:
                    raise FaceLLMError(f"{_where(path, number)}: no json: {error}") from None


def _list(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        values = json.loads(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        hint = "; name a file of one record a line .jsonl" if error.msg == "Extra data" else ""
        raise FaceLLMError(f"{path.name}:{error.lineno}: no json: {error.msg}{hint}") from None
    except UnicodeDecodeError:
        raise FaceLLMError(f"{path.name}: expected UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise FaceLLMError(f"{path.name}: no json: {error}") from None
    if not isinstance(values, list):
        raise FaceLLMError(f"{path.name}: expected a list of records [{{…}}, …]")
    yield from enumerate(values, 1)
