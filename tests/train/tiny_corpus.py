"""A corpus of painted discs with face landmarks: enough to run every stage of training on."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, read_samples, write_samples

SHAPE = [(x, y) for x, y in np.random.default_rng(0).uniform(0.2, 0.8, (68, 2))]


def points(side: int) -> list[tuple[float, float]]:
    """68 points in a picture of this side; the eyes stand apart, so that the face has a scale."""
    placed = [(x * side, y * side) for x, y in SHAPE]
    for i in range(36, 42):
        placed[i] = (0.35 * side, 0.4 * side)
    for i in range(42, 48):
        placed[i] = (0.65 * side, 0.4 * side)
    return placed


def write_corpus(folder: Path, count: int = 12, side: int = 96) -> Path:
    """Samples whose smile (AU12) is the brightness of a disc at the mouth."""
    (folder / "images").mkdir(parents=True)
    samples = []
    for i in range(count):
        smile = float(i % 6)
        image = Image.new("RGB", (side, side), (90, 60, 50))
        level = int(40 * smile)
        ImageDraw.Draw(image).ellipse((30, 55, 66, 80), fill=(level, level, 30))
        image.save(folder / "images" / f"{i}.png")
        units = dict.fromkeys(PROTOCOLS["rig23"].units, 0.0) | {12: smile, 6: smile / 2}
        labels = FaceLabels(
            emotion="happiness" if smile >= 2 else "neutral", action_units=units, pose=(0, 0.3, 0)
        )
        face = Face(box=(10, 10, 86, 86), points=points(side), labels=labels)
        samples.append(
            Sample(
                id=hashlib.sha256(image.tobytes()).hexdigest()[:16],
                image=f"images/{i}.png",
                faces=[face],
                provenance=Provenance(source="test", licence="none", subject_id=f"s{i % 4}"),
                split="test" if i % 4 == 3 else "train",
            )
        )
    write_samples(folder / "samples.jsonl", samples)
    return folder


def recipe_text(folder: Path, corpus: Path) -> str:
    return f"""
output_dir: {folder}
corpora: [{{path: {corpus}}}]
model:
  tower: {{layers: 1, width: 16, head_width: 8, patch_size: 8, image_size: 32}}
  vision: {{pool: 2, region_size: 16, heads: 2, head_size: 8}}
  vocab_size: 400
  tokenizer_texts: 200
  text: {{model_type: qwen3, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
         num_key_value_heads: 1, head_dim: 16, intermediate_size: 32,
         max_position_embeddings: 2048}}
stages:
  - {{name: see, objective: see, max_steps: 4, per_device_train_batch_size: 4, logging_steps: 1,
     save_steps: 2}}
  - {{name: speak, objective: answer, max_steps: 4, per_device_train_batch_size: 4,
     logging_steps: 1, save_steps: 2}}
evaluate: 0
"""


def write_rows(folder: Path, corpus: Path, form: str) -> tuple[Path, Path]:
    """Four training rows (one of two turns) about pictures of a corpus, as a run, parquet or
    ShareGPT; returns what a recipe names as `rows` and `samples`."""
    folder.mkdir(parents=True)
    samples = [s for s in read_samples(corpus) if s.split == "train"][:4]
    rows = []
    for number, sample in enumerate(samples):
        said = ["Describe it.", "It smiles."] + (["Sure?", "Yes."] if number == 1 else [])
        messages = []
        for turn, text in enumerate(said):
            content = [{"type": "text", "text": text}]
            if turn == 0:
                content.insert(0, {"type": "image", "text": None})
            messages.append({"role": ("user", "assistant")[turn % 2], "content": content})
        rows.append(
            {
                "id": f"r{number}", "sample_ids": [sample.id], "images": [sample.image],
                "messages": messages, "task": ("caption", "vqa")[number % 2], "split": "train",
            }
        )  # fmt: skip
    shutil.copytree(corpus / "images", folder / "images")
    if form == "run":
        shutil.copy(corpus / "samples.jsonl", folder / "samples.jsonl")
        text = "".join(json.dumps(row) + "\n" for row in [*rows, rows[0] | {"split": "test"}])
        (folder / "rows.jsonl").write_text(text)
        return folder, folder
    if form == "parquet":
        for row in rows:
            data = (corpus / row["images"][0]).read_bytes()
            row["images"] = [{"bytes": data, "path": "any.png"}]
        pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000-of-00001.parquet")
        return folder, corpus
    by_id = {sample.id: sample for sample in samples}
    for row in rows:
        row["landmarks"] = [[by_id[i].faces[0].points] for i in row.pop("sample_ids")]
        row.pop("task")
        who = {"user": "human", "assistant": "gpt"}
        tags = {"image": "<image>"}
        row["conversations"] = [
            {
                "from": who[m["role"]],
                "value": "\n".join(tags.get(p["type"]) or p["text"] for p in m["content"]),
            }
            for m in row.pop("messages")
        ]
    (folder / "sharegpt").mkdir()
    file = folder / "sharegpt/train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file, corpus
