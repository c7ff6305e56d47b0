"""Conversations in the ShareGPT, LLaVA or OpenAI dialect, as json or jsonl.

    {"id": "1", "image": "a.jpg", "system": "Be brief.",
     "conversations": [{"from": "human", "value": "<image>\\nWho smiles?"},
                       {"from": "gpt", "value": "Nobody."}]}
    {"images": ["a.jpg"], "messages": [{"role": "user", "content": "<image>Who smiles?"}, …]}

`image` and `video` hold a path, `images` and `videos` a list. Records of tools (`function_call`,
`observation`) are refused: a row has no such role.
"""

from data_engine.sources.chats import Chats
from data_engine.sources.conversations import Told
from data_engine.sources.entries import JsonRecord
from data_engine.sources.turns import Turn, parts_of, read_turns


class ShareGpt(Chats):
    """Rows of a ShareGPT file; `path` is the file, or a folder of files."""

    name = "sharegpt"

    def tell(self, record: JsonRecord) -> Told:
        """The turns under `conversations` or `messages`, a `system` text before them."""
        key = "messages" if "messages" in record.values else "conversations"
        turns = read_turns(record, record.values.get(key))
        system = record.text("system", "")
        if system:
            turns.insert(0, Turn("system", parts_of(system)))
        return self.told(record, turns)
