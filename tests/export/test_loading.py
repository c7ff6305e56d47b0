"""What people load with: `datasets`, and chat templates that look for pictures in messages."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.parquet as pq
import pytest
from little_corpora import IMAGE, MakeRow, said

from data_engine.export import ExportOptions, export_rows
from data_engine.export.columns import CHAT_SCHEMA, RL_SCHEMA

QWEN_STYLE = (
    "{% for m in messages %}<{{ m['role'] }}>{% for part in m['content'] %}"
    "{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}[PICTURE]"
    "{% elif part['type'] == 'video' or 'video' in part %}[VIDEO]"
    "{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)
"""The tests Qwen-VL's templates make: a key that is there, be it empty, counts as a picture."""
BOTH = ExportOptions(forms=("chat", "rl", "sharegpt"), gallery_rows=0)


def rendered(messages: list[dict[str, Any]], template: str = QWEN_STYLE) -> str:
    return jinja2.Environment().from_string(template).render(messages=messages)


def messages_of(out: Path) -> list[dict[str, Any]]:
    return pq.read_table(out / "data").to_pylist()[0]["messages"]


def test_one_placeholder_and_the_text_survive_arrow(tmp_path: Path, make_row: MakeRow) -> None:
    export_rows([make_row(0)], tmp_path, tmp_path / "out", BOTH)
    messages = messages_of(tmp_path / "out")
    assert rendered(messages) == (
        "<user>[PICTURE]What does face 0 show, and why?"
        "<assistant>Raised corners (AU12) show happiness, case 0."
    )
    # The template does tell: with an `image` key in the parts it sees two and loses the text.
    spoilt = [m | {"content": [p | {"image": None} for p in m["content"]]} for m in messages]
    assert rendered(spoilt) == "<user>[PICTURE][PICTURE]<assistant>[PICTURE]"


def test_the_template_of_qwen_itself(tmp_path: Path, make_row: MakeRow) -> None:
    found = importlib.util.find_spec("trl")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [f for folder in folders for f in Path(folder).glob("chat_templates/qwen*vl.jinja")]
    if not files:
        pytest.skip("TRL, which brings the templates, is not installed")
    turns = [said("system", "Brief."), said("user", IMAGE, IMAGE, "Who smiles?"),
             said("assistant", "Face 1.")]  # fmt: skip
    row = make_row(0, messages=turns, images=["images/0.jpg"] * 2)
    export_rows([row], tmp_path, tmp_path / "out", BOTH)
    for file in files:
        text = rendered(messages_of(tmp_path / "out"), file.read_text(encoding="utf-8"))
        assert text.count("<|image_pad|>") == 2, file.name
        assert text.count("Who smiles?") == text.count("Face 1.") == 1


@pytest.mark.slow
def test_the_schema_is_the_one_datasets_writes() -> None:
    datasets = pytest.importorskip("datasets")
    for schema in (CHAT_SCHEMA, RL_SCHEMA):
        about = json.loads(schema.metadata[b"huggingface"])
        features = datasets.Features.from_dict(about["info"]["features"])
        assert features.arrow_schema.equals(schema)
        assert json.loads(features.arrow_schema.metadata[b"huggingface"]) == about


@pytest.mark.slow
def test_datasets_loads_the_folder_and_decodes(
    tmp_path: Path, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [make_row(0), make_row(1), make_row(2, split="val"), make_row(3, split="test")]
    rows.append(make_row(4, images=["images/0.jpg", "images/4.jpg"], messages=[
        said("user", IMAGE, IMAGE, "Same?"), said("assistant", "No.")], truth=None))  # fmt: skip
    for pictures in ("embed", "paths"):
        out = tmp_path / pictures
        options = BOTH.model_copy(update={"pictures": pictures, "gallery_rows": 1})
        export_rows(rows, tmp_path, out, options)
        cache = str(tmp_path / "cache")
        loaded = datasets.load_dataset(str(out), cache_dir=cache)
        assert {s: d.num_rows for s, d in loaded.items()} == {
            "train": 3, "validation": 1, "test": 1,
        }  # fmt: skip
        train = loaded["train"]
        assert train["id"][:] == ["row0", "row1", "row4"]
        assert [i.size for i in train[2]["images"]] == [(16, 12)] * 2
        assert train[2]["images"][0].getpixel((3, 3)) == train[0]["images"][0].getpixel((3, 3))
        assert rendered(train[2]["messages"]) == "<user>[PICTURE][PICTURE]Same?<assistant>No."
        prompts = datasets.load_dataset(str(out), "rl", cache_dir=cache)["train"]
        assert prompts["id"][:] == ["row0", "row1"]
        assert rendered(prompts[0]["prompt"]).startswith("<user>[PICTURE]What")
        assert json.loads(prompts[0]["truth"]) == {"emotion": "happiness"}
        assert prompts[0]["images"][0].mode == "RGB"
