"""The columns of the parquet files: from rows to records, and the schema `datasets` reads.

Parts of messages hold only `type` and `text`; the pictures are a column of their own. An `image`
key inside a part would come back from Arrow in every part, empty, and chat templates that test
`'image' in part` (Qwen-VL) would then see a second picture and drop the text.
"""

import json
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from data_engine.export.pictures import BadRow, Media
from data_engine.row import Message, Row
from facellm.core.sample import FaceLabels

Cells = dict[str, Any]

_PART = pa.struct({"type": pa.string(), "text": pa.string()})
_MESSAGES = pa.list_(pa.struct({"role": pa.string(), "content": pa.list_(_PART)}))
_PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_TEXTS = pa.list_(pa.string())
_CHAT = {
    "id": pa.string(),
    "messages": _MESSAGES,
    "images": pa.list_(_PICTURE),
    "videos": _TEXTS,
    "task": pa.string(),
    "truth": pa.string(),
    "facts": pa.string(),
    "sample_ids": _TEXTS,
    "subject_id": pa.string(),
    "source": pa.string(),
    "licence": pa.string(),
    "consent": pa.string(),
    "weak": pa.bool_(),
    "writer": pa.string(),
    "teacher": pa.string(),
    "prompt_hash": pa.string(),
    "raw_output": pa.string(),
    "usage": pa.string(),
    "finish_reason": pa.string(),
    "attempts": pa.int32(),
    "agreement": pa.float64(),
}
_RL = {
    "id": pa.string(),
    "prompt": _MESSAGES,
    "images": pa.list_(_PICTURE),
    "truth": pa.string(),
    "task": pa.string(),
    "subject_id": pa.string(),
    "dataset": pa.string(),
}


def _feature(kind: pa.DataType) -> Any:
    """The description of a type in the words of `datasets.Features.to_dict`."""
    if kind == _PICTURE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    dtype = {"double": "float64"}.get(str(kind), str(kind))
    return {"dtype": dtype, "_type": "Value"}


def _schema(columns: dict[str, pa.DataType]) -> pa.Schema:
    features = {name: _feature(kind) for name, kind in columns.items()}
    about = json.dumps({"info": {"features": features}})
    return pa.schema(columns, metadata={"huggingface": about})


CHAT_SCHEMA = _schema(_CHAT)
"""Conversations with everything about their making."""
RL_SCHEMA = _schema(_RL)
"""What TRL's trainers of rewards take: a prompt, its pictures, and gold columns."""


def picture_cells(row: Row, media: Media, embed: bool) -> list[Cells]:
    """Values of the `images` column: the file's bytes and name, or its absolute path alone.

    Raises:
        BadRow: a picture cannot be read.
    """
    cells: list[Cells] = []
    for name in row.images:
        data = media.picture(name)
        if embed:
            cells.append({"bytes": data, "path": PurePath(name).name})
        else:
            cells.append({"bytes": None, "path": str((media.folder / name).resolve())})
    return cells


def chat_record(row: Row, pictures: list[Cells], media: Media, out: Path) -> Cells:
    """One row of the chat form.

    Args:
        row: the row.
        pictures: its `images` cell.
        media: where its videos are.
        out: the export's final folder, which the paths of videos are relative to.
    """
    made = row.making
    return {
        "id": row.id,
        "messages": [_message(m) for m in row.messages],
        "images": pictures,
        "videos": [media.place(name, out) for name in row.videos],
        "task": row.task,
        "truth": as_json(row.truth),
        "facts": as_json([_labels(labels) for labels in row.facts]),
        "sample_ids": row.sample_ids,
        **row.provenance.model_dump(),
        "weak": row.weak,
        **made.model_dump(exclude={"usage"}),
        "usage": as_json(made.usage),
    }


def rl_record(row: Row, pictures: list[Cells]) -> Cells:
    """One row of the rl form: the conversation up to its last answer, which `truth` scores.

    Raises:
        BadRow: nothing can be scored, or the conversation does not end with an answer.
    """
    task, truth = _last_scored(row)
    if truth is None:
        raise BadRow("not_scorable", f"task {task} has no gold answer")
    if not row.messages or row.messages[-1].role != "assistant":
        raise BadRow("not_scorable", "the conversation does not end with an answer")
    return {
        "id": row.id,
        "prompt": [_message(m) for m in row.messages[:-1]],
        "images": pictures,
        "truth": as_json(truth),
        "task": task,
        "subject_id": row.provenance.subject_id,
        "dataset": row.provenance.source,
    }


def _last_scored(row: Row) -> tuple[str, Any]:
    """Task and truth of the last answer: a row of several turns has one of each turn."""
    turns = (row.truth or {}).get("turns")
    if not isinstance(turns, list):
        return row.task, row.truth
    if not turns:
        return row.task, None
    return turns[-1]["task"], turns[-1]["truth"]


def as_json(value: Any) -> str | None:
    """Compact JSON; None stays None."""
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _message(message: Message) -> Cells:
    parts = [{"type": part.type, "text": part.text} for part in message.content]
    return {"role": message.role, "content": parts}


def _labels(labels: FaceLabels) -> Cells:
    known = labels.model_dump(mode="json", exclude_defaults=True)
    if labels.weak:
        # A set has no order of its own: unsorted, equal runs would give unequal files.
        known["weak"] = sorted(labels.weak)
    return known
