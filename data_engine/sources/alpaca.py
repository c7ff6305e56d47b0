"""Instructions in the Alpaca dialect, as json or jsonl.

    {"instruction": "…", "input": "", "output": "…", "system": "…", "history": [["q", "a"], …]}

Only `instruction` and `output` must be there. The input follows the instruction on a new line, as
most trainers join them. `image` or `images` may name pictures, with a `<image>` tag for each.
"""

from data_engine.sources.chats import Chats
from data_engine.sources.conversations import Told
from data_engine.sources.entries import JsonRecord
from data_engine.sources.turns import Turn, parts_of
from facellm.core.errors import given


class Alpaca(Chats):
    """Rows of an Alpaca file; `path` is the file, or a folder of files."""

    name = "alpaca"

    def tell(self, record: JsonRecord) -> Told:
        """The history, then the instruction with its input, then the output."""
        question = "\n".join(filter(None, (record.text("instruction"), record.text("input", ""))))
        texts = [*_history(record), question, record.text("output")]
        turns = [
            Turn("assistant" if n % 2 else "user", parts_of(text)) for n, text in enumerate(texts)
        ]
        system = record.text("system", "")
        if system:
            turns.insert(0, Turn("system", parts_of(system)))
        return self.told(record, turns)


def _history(record: JsonRecord) -> list[str]:
    history = record.values.get("history") or []
    pairs = history if isinstance(history, list) else [history]
    for pair in pairs:
        texts = pair if isinstance(pair, list) else []
        if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
            raise record.error(f"history holds {given(pair)}; expected pairs [question, answer]")
    return [text for pair in pairs for text in pair]
