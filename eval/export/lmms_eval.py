"""A folder for lmms-eval: `lmms_eval --include_path DIR --tasks facellm_NAME`.

    DIR/facellm_NAME/facellm_NAME.yaml   the task
    DIR/facellm_NAME/utils.py            picture, question and score, with the code of this package
    DIR/facellm_NAME/data/test.parquet   pictures, questions and golds

lmms-eval runs anywhere that this package is installed; the score is the one `facellm eval` gives.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from eval.benchmark import Benchmark
from eval.export.pictures import picture_bytes
from eval.export.scoring import gold_text, headline
from eval.question import Question

PREFIX = "facellm_"
VERSION = 1
ERRORS = ("mae", "eer", "angular_error")
"""Numbers that are better when they are lower."""
UTILS = '''"""What lmms-eval calls for this task; written by `python -m eval.export lmms-eval`."""

try:
    from eval.export.scoring import numbers, scored
except ImportError as error:
    raise ImportError("scoring needs facellm: pip install facellm[eval]") from error

TASK = {task!r}


def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    around = lmms_eval_specific_kwargs or {{}}
    return around.get("pre_prompt", "") + doc["question"] + around.get("post_prompt", "")


def process_results(doc, results):
    row = {{"gold": doc["gold"], "text": results[0], "subject": doc["subject_id"]}}
    found = dict.fromkeys(METRICS, row)
    value = scored(TASK, **row).score.value
    if value is not None:  # lmms-eval takes "score" and "subject" for its clustered error
        found["score"] = {{**row, "score": value}}
    return found


def _number(name):
    def aggregate(rows):
        return numbers(TASK, rows)[name]

    return aggregate


METRICS = {metrics!r}
{functions}
'''


def write(benchmark: Benchmark, out: Path) -> Path:
    """Write the benchmark's folder into `out`; returns it.

    Raises:
        FaceLLMError: what `Benchmark.questions` raises, or a picture that cannot be read.
    """
    name = PREFIX + benchmark.name
    folder = out / name
    (folder / "data").mkdir(parents=True, exist_ok=True)
    _write_data(benchmark.questions(), folder / "data" / "test.parquet")
    metrics = headline(benchmark.task)
    functions = "\n".join(f"aggregate_{metric} = _number({metric!r})" for metric in metrics)
    utils = UTILS.format(task=benchmark.task, metrics=metrics, functions=functions)
    (folder / "utils.py").write_text(utils, encoding="utf-8")
    (folder / f"{name}.yaml").write_text(_yaml(name, folder, metrics), encoding="utf-8")
    return folder


class _Function(str):
    """A function of utils.py, written as `!function utils.NAME`."""


def _yaml(name: str, folder: Path, metrics: tuple[str, ...]) -> str:
    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        pass

    Dumper.add_representer(
        _Function, lambda dumper, value: dumper.represent_scalar("!function", str(value), style="")
    )
    task: dict[str, Any] = {
        "task": name,
        "dataset_path": str((folder / "data").resolve()),  # lmms-eval reads it from anywhere
        "dataset_kwargs": {"token": False},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_visual": _Function("utils.doc_to_visual"),
        "doc_to_text": _Function("utils.doc_to_text"),
        "doc_to_target": "target",
        "process_results": _Function("utils.process_results"),
        "generation_kwargs": {"max_new_tokens": 512, "temperature": 0, "do_sample": False},
        "metric_list": [
            {
                "metric": metric,
                "aggregation": _Function(f"utils.aggregate_{metric}"),
                "higher_is_better": metric not in ERRORS,
            }
            for metric in metrics
        ],
        "lmms_eval_specific_kwargs": {"default": {"pre_prompt": "", "post_prompt": ""}},
        "cluster_key": "subject",
        "metadata": [{"version": float(VERSION)}],
    }
    return str(yaml.dump(task, Dumper=Dumper, sort_keys=False))


def _write_data(questions: list[Question], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    from facellm.tasks.response import Unanswerable

    texts = ("question_id", "question", "target", "gold", "subject_id")
    rows = []
    for question in questions:
        missing = isinstance(question.gold, Unanswerable)
        rows.append(
            {
                "question_id": question.id,
                "image": {"bytes": picture_bytes(question), "path": question.sample.image},
                "question": question.text,
                "target": "no face" if missing else question.gold_json,
                "gold": gold_text(question),
                "subject_id": question.subject_id,
            }
        )
    # The features that the datasets library looks for, so that pictures arrive as pictures.
    features: dict[str, Any] = {name: {"dtype": "string", "_type": "Value"} for name in texts}
    features["image"] = {"_type": "Image"}
    picture = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    fields = [(name, picture if name == "image" else pyarrow.string()) for name in rows[0]]
    ordered = {name: features[name] for name, _ in fields}
    schema = pyarrow.schema(
        fields, metadata={"huggingface": json.dumps({"info": {"features": ordered}})}
    )
    part = path.with_suffix(".part")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), part)
    part.replace(path)
