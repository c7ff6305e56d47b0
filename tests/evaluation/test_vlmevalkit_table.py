"""Tables for VLMEvalKit, read as its loader reads them: pandas, base64, letters that are columns.

From VLMEvalKit's source (`vlmeval/dataset/image_base.py`, `image_mcq.py`, `__init__.py`, 2025): a
table is `$LMUData/NAME.tsv`, read by `pandas.read_csv` with tabs; columns A and B with `image` make
it multiple choice, and every upper-case letter with a value is an option; a picture of 64
characters or fewer would be a reference; `openended` in the name makes the questions open.
"""

import base64
import io
import string

import pandas
import pytest
from PIL import Image

from eval.benchmark import Benchmark
from eval.export import vlmevalkit
from eval.export.scoring import numbers
from facellm.core.emotions import EMOTIONS


def loaded(tmp_path, corpus, task):
    asked = Benchmark(name="b", task=task, corpus=corpus, limit=8)
    path = vlmevalkit.write(asked, tmp_path)
    return path.stem, pandas.read_csv(path, sep="\t"), asked.questions()


def test_expressions_are_multiple_choice(tmp_path, corpus):
    name, table, questions = loaded(tmp_path, corpus, "expression")
    assert "openended" not in name and len(table) == len(questions) == 8
    assert {"A", "B", "image", "index", "question", "answer"} <= set(table.columns)
    assert table["index"].is_unique and table["hint"].isna().all()
    for (_, line), question in zip(table.iterrows(), questions, strict=True):
        options = {
            c: line[c] for c in string.ascii_uppercase if c in line and pandas.notna(line[c])
        }
        assert sorted(options.values()) == sorted(EMOTIONS)
        assert options[line["answer"]] == question.gold.emotion
        assert len(line["image"]) > 64
        assert Image.open(io.BytesIO(base64.b64decode(line["image"]))).size == (64, 64)
    assert table[["category", "l2-category", "split"]].notna().all(axis=None)  # its report groups


@pytest.mark.parametrize("task", ["action_units", "reasoning", "caption"])
def test_other_tasks_are_open_by_name_and_by_columns(tmp_path, corpus, task):
    name, table, questions = loaded(tmp_path, corpus, task)
    assert "openended" in name and not {"A", "B"} & set(table.columns)
    assert table["question"].tolist() == [question.text for question in questions]
    assert table[["answer", "gold"]].notna().all(axis=None)


@pytest.mark.slow
def test_vlmevalkit_scores_it_as_we_do(tmp_path, corpus, monkeypatch):
    pytest.importorskip("vlmeval", reason="VLMEvalKit is not installed")
    from vlmeval.dataset.image_mcq import CustomMCQDataset  # its choice for a table with A and B
    from vlmeval.smp import dump

    monkeypatch.setenv("LMUData", str(tmp_path))
    name, table, _ = loaded(tmp_path, corpus, "expression")
    own = CustomMCQDataset(name)
    picture, text = own.build_prompt(0)
    assert Image.open(picture["value"]).size == (64, 64) and "H. " in text["value"]
    golds = table["answer"].tolist()
    for n, letters in enumerate((golds, golds[1:] + golds[:1])):
        path = tmp_path / f"model{n}_{name}.xlsx"
        dump(own.data.drop(columns=["image"]).assign(prediction=letters), str(path))
        theirs = own.evaluate(str(path), model="exact_matching", nproc=1)["Overall"][0]
        rows = [
            {"gold": line["gold"], "text": line[letter], "subject": line["subject_id"]}
            for letter, (_, line) in zip(letters, table.iterrows(), strict=True)
        ]
        assert theirs == numbers("expression", rows)["accuracy"]
        assert n or theirs == 1.0
