"""Completed calls on disk, keyed by content: what was paid for once is never paid again.

One SQLite file in WAL mode, shared by processes on one machine (not over a network file system).
A call is committed the moment it returns, so `kill -9` loses only calls still in flight. The first
completion stored for a key stays: whoever asks again gets the same text, so that a resumed run
gives the same rows as one that was never interrupted.
"""

import hashlib
import json
import sqlite3
from pathlib import Path

from data_engine.teachers.base import Completion
from facellm.core.errors import FaceLLMError

_TABLE = """CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, completion TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID"""


def call_key(model: str, body: str, sample: int) -> str:
    """The key of a call: everything that the server is told, and which sample of it.

    Args:
        model: as the server names it.
        body: of the request, as JSON with sorted keys.
        sample: tells repeated requests apart.
    """
    content = f"[{json.dumps(model, ensure_ascii=False)}, {body}, {sample}]"
    return hashlib.sha256(content.encode()).hexdigest()


class CallCache:
    """A store of completions; use it from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            FaceLLMError: a path that cannot be written, or a file that is no cache.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            # Survives the death of a process; only a power cut may lose the last few calls.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> FaceLLMError:
        return FaceLLMError(
            f"cannot use the teacher cache {self.path}: {error}; expected a writable SQLite file "
            "made by this program on a disk with room"
        )

    def get(self, key: str) -> Completion | None:
        """The stored completion, if any."""
        try:
            row = self._db.execute("SELECT completion FROM calls WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        return None if row is None else Completion.model_validate_json(row[0])

    def put(self, key: str, completion: Completion) -> Completion:
        """Store a completion, committed on return; gives back the first one stored for the key."""
        usage = completion.usage
        values = (key, completion.model, completion.model_dump_json(),
                  usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))  # fmt: skip
        try:
            stored = self._db.execute("INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?)", values)
        except sqlite3.Error as error:
            raise self._trouble(error) from None
        if stored.rowcount:
            return completion
        return self.get(key) or completion

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """Model → calls, prompt tokens, completion tokens of all that was ever paid for."""
        rows = self._db.execute(
            "SELECT model, count(*), sum(prompt_tokens), sum(completion_tokens) FROM calls "
            "GROUP BY model ORDER BY model"
        )
        return {model: (calls, given, made) for model, calls, given, made in rows}

    def close(self) -> None:
        """Close the file."""
        self._db.close()
