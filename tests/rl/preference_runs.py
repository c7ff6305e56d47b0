"""Preference recipes that a debug model can run, and models that answer by a script."""

from pathlib import Path
from typing import Any

from facellm.core.recipe import check
from facellm.core.sample import Sample, read_samples, write_samples
from facellm.train.evaluate import Answerer
from rl.preferences.recipe import Preferences

RIGHT = '{"emotion": "happiness"}'
WRONG = '{"emotion": "anger"}'


def preferences(folder: Path, checkpoint: Path, *corpora: Path, **options: Any) -> Preferences:
    """Expressions alone; two pairs a step."""
    return check(
        Preferences,
        {
            "algorithm": "dpo", "output_dir": folder, "model_name_or_path": checkpoint,
            "corpora": [{"path": path} for path in corpora], "tasks": {"expression": 1},
            "rubric": {"score": 1}, "pairs": {"prompts": 4, "answers": 2},
            "per_device_train_batch_size": 2, "max_steps": 2, "learning_rate": 1e-3,
            "use_cpu": True, "threads": 1, "evaluate": 0, "save_steps": 2,
        } | options,
        "recipe",
    )  # fmt: skip


def scripted(answer: Any) -> type[Answerer]:
    """An Answerer that says `answer(sample, n)` to the n-th question of a call."""

    class Scripted(Answerer):
        def __call__(self, corpus: Any, asked: Any) -> list[str]:
            return [answer(sample, n) for n, (sample, _) in enumerate(asked)]

    return Scripted


def in_sets(corpus: Path, folder: Path) -> Path:
    """The corpus as pictures of two faces in two skin tones each, for both splits."""
    folder.mkdir()
    (folder / "images").symlink_to(corpus / "images")
    samples = []
    for n, sample in enumerate(read_samples(corpus)):
        (face,) = sample.faces
        labels = read_labels(sample, "light" if n % 2 else "dark")
        face = face.model_copy(update={"labels": labels})
        split = "train" if n < 4 else "test"
        owner = sample.provenance.model_copy(update={"subject_id": f"p{n // 2}"})
        update = {"faces": [face], "pair": str(n // 2), "split": split, "provenance": owner}
        samples.append(sample.model_copy(update=update))
    write_samples(folder / "samples.jsonl", samples)
    return folder


def read_labels(sample: Sample, tone: str) -> Any:
    """Labels alike for all, but for the group."""
    units = dict.fromkeys(sample.faces[0].labels.action_units or {}, 0.0) | {6: 3.0, 12: 3.0}
    update = {"groups": {"skin": tone}, "action_units": units}
    return sample.faces[0].labels.model_copy(update=update)


def tone(sample: Sample) -> str:
    """The group of a picture made by `in_sets`."""
    return (sample.faces[0].labels.groups or {})["skin"]
