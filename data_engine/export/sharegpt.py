"""ShareGPT files with the `dataset_info.json` that LLaMA-Factory wants beside them.

One object a line: `conversations` of `from` and `value`, `<image>` in the text where a picture
belongs, and its path in `images`, relative to the export's folder. LLaVA and ms-swift read the
same files.
"""

import json
from pathlib import Path
from typing import Any, TextIO

from data_engine.export.parquet import SPLITS
from data_engine.export.pictures import TAGS, BadRow, Media
from data_engine.export.place import write_json
from data_engine.row import Message, Row

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
COLUMNS = {"messages": "conversations", "images": "images", "videos": "videos"}
ROLE_TAGS = {
    "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
    "system_tag": "system",
}  # fmt: skip


class ShareGPTFiles:
    """Writes `folder/sharegpt/SPLIT.jsonl` and, at the end, `folder/dataset_info.json`."""

    def __init__(self, folder: Path, name: str) -> None:
        """Write below `folder`; `name` is the dataset's, its entries are called NAME_SPLIT."""
        self._folder = folder
        self._name = name
        self._files: dict[str, TextIO] = {}
        self._kinds: set[str] = set()
        (folder / "sharegpt").mkdir()

    def add(self, split: str, said: dict[str, Any]) -> None:
        """Write one `conversation`."""
        if split not in self._files:
            path = self._folder / "sharegpt" / f"{SPLITS[split]}.jsonl"
            self._files[split] = path.open("w", encoding="utf-8")
        self._files[split].write(json.dumps(said, ensure_ascii=False) + "\n")
        self._kinds |= said.keys() & {"images", "videos"}

    def close(self) -> None:
        """Finish the files and register them."""
        for file in self._files.values():
            file.close()
        names = {"messages", *self._kinds}
        entries = {
            f"{self._name}_{SPLITS[split]}": {
                "file_name": f"sharegpt/{SPLITS[split]}.jsonl",
                "formatting": "sharegpt",
                "columns": {key: value for key, value in COLUMNS.items() if key in names},
                "tags": ROLE_TAGS,
            }
            for split in self._files
        }
        write_json(self._folder / "dataset_info.json", entries)


def conversation(row: Row, media: Media, out: Path) -> dict[str, Any]:
    """The row as one ShareGPT object.

    Args:
        row: the row.
        media: where its pictures are.
        out: the export's final folder, which their paths are made relative to.

    Raises:
        BadRow: the number of tags is not the number of pictures or videos.
    """
    turns = [{"from": SPEAKERS[m.role], "value": _text(m)} for m in row.messages]
    said = "".join(turn["value"] for turn in turns)
    for kind, files in (("image", row.images), ("video", row.videos)):
        if said.count(TAGS[kind]) != len(files):
            raise BadRow("parts_mismatch", f"{said.count(TAGS[kind])} tags, {len(files)} {kind}s")
    value: dict[str, Any] = {"id": row.id, "conversations": turns}
    for key, files in (("images", row.images), ("videos", row.videos)):
        if files:
            value[key] = [media.place(name, out) for name in files]
    return value


def _text(message: Message) -> str:
    return "\n".join(TAGS.get(part.type) or part.text or "" for part in message.content)
