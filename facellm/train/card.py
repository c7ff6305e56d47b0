"""The model card of a run, its numbers straight from the run's report.

    python -m facellm.train.card RUN --out MODEL_FOLDER

Writes README.md beside the weights, with the training log and the report it quotes.
"""

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

SHOWN = {
    "expression": ("accuracy", "macro_f1"),
    "action_units": ("f1", "icc31_pooled", "mae"),
    "reasoning": ("emotion", "evidence_f1"),
}
NAMES = {
    "accuracy": "expression accuracy",
    "macro_f1": "expression macro-F1",
    "f1": "AU F1, disfa12, present at ≥ 2",
    "icc31_pooled": "AU intensity ICC(3,1), pooled",
    "mae": "AU intensity error (0–5, lower is better)",
    "emotion": "expression after written evidence",
    "evidence_f1": "evidence F1",
}
HEAD = """\
---
license: apache-2.0
library_name: facellm
pipeline_tag: image-text-to-text
tags: [face, action-units, facs, facial-expression]
---
# facellm nano

{millions:.1f} million parameters, {megabytes:.0f} MB (float16, computed in float32). It describes the
expression of each face in a picture: an emotion word people would usually use, FACS action units
with intensities, and the evidence in words. Trained here from random weights in the stages of
`facellm/recipes/nano.yaml`; nothing in it comes from another model.

## Results on people it has never seen
Greedy answers to one question a face; 95 % intervals by a bootstrap over people. Landmarks of `rig`
are exact and those of `photos` MediaPipe's; in corpora named `_found` they are what the builtin
finder sees, as for a user (`data_engine/recipes/found_faces.yaml`). *Majority* gives the commonest answer to every face, *shuffled* gives each
face the right answer of another one. Made by
`python -m facellm.train.evaluate MODEL CORPUS … --faces {faces}`.

"""
TAIL = """\

Action units of photographs are a tool's opinion (MediaPipe blendshapes, eight units, marked weak):
that row measures agreement with the tool, not with a FACS coder.

## Training data
| corpus | faces | labels | licence |
|---|---|---|---|
| rig: rendered heads of ICT-FaceKit Light, 480 people | 19,200 | exact action units, pose, expression | MIT (USC ICT) |
| lfw_emotion: press photographs, train persons only | 1,876 | expression by one or two people (noisy), weak action units | labels Apache-2.0 (muxspace/facial_expressions); photographs: LFW, research use |

Tests: rendered people 1009, 1019, 1029, … and photographs of persons whose hashed name falls into
the test share (`facellm.core.splits`); as many rendered people and two thirds as many persons form
a validation split that was not trained on either. No other data was used. `log.jsonl` is the whole training log, `report.json` every
number, `recipe.yaml` the resolved recipe.

## Limits
- An expression is not a feeling. Answers say what is visible and how people usually read it.
- Small and briefly trained: it is often wrong, on photographs more than on renders. Disgust, fear
  and contempt were almost absent from the photographs; on real faces they are unproven.
- Photographs were press pictures of adults, mostly men, mostly from one decade and one set of
  countries. Results per group of people were not measured on photographs; do not assume they
  are equal.
- It knows only the questions of `facellm/tasks` and their many wordings; to other questions it
  gives some answer of that kind.
- It names no person and was given no age, gender or origin labels. Not for decisions about
  people; emotion recognition at work and in schools is restricted by law in places.
"""


def table(report: dict[str, Any]) -> str:
    """One row a corpus and metric."""
    rows = [
        "| corpus | what | n | model | majority | shuffled |",
        "|---|---|---|---|---|---|",
    ]
    for corpus, tasks in report.items():
        for task, metrics in SHOWN.items():
            if task not in tasks:
                continue
            for metric in metrics:
                m = tasks[task]["model"][metric]
                value = f"**{_number(m['value'])}** [{_number(m['low'])}, {_number(m['high'])}]"
                guesses = [
                    _number(tasks[task][g][metric]["value"]) for g in ("majority", "shuffled")
                ]
                cells = (corpus, NAMES[metric], str(m["n"]), value, *guesses)
                rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main(
    run: Path,
    out: Annotated[Path, typer.Option()],
    note: Annotated[str, typer.Option(help="Anything this run's numbers hide.")] = "",
) -> None:
    """Copy the weights of RUN to OUT and write their card."""
    from safetensors import safe_open

    shutil.copytree(run / "model", out, dirs_exist_ok=True)
    for name in ("log.jsonl", "report.json"):
        shutil.copy(run / name, out / name)
    (out / "recipe.yaml").write_text(_without_places(run / "recipe.yaml"), encoding="utf-8")
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    weights = out / "model.safetensors"
    with safe_open(weights, "pt") as file:
        count = sum(
            _size(file.get_slice(key).get_shape())
            for key in file.keys()  # noqa: SIM118  (no mapping)
        )
    head = HEAD.format(
        millions=count / 1e6,
        megabytes=weights.stat().st_size / 1e6,
        faces=max(corpus["faces"] for corpus in report.values()),
    )
    (out / "README.md").write_text(
        head + table(report) + TAIL + (f"\n## Note\n{note}\n" if note else ""), encoding="utf-8"
    )
    print(f"{out}: {count / 1e6:.1f} M parameters")


def _without_places(recipe: Path) -> str:
    """The recipe with names for folders: where they lay on one machine is nobody's business."""
    data = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    data["output_dir"] = f"runs/{Path(data['output_dir']).name}"
    for corpus in data["corpora"]:
        for key in ("path", "rows", "samples"):
            if corpus.get(key):
                corpus[key] = f"corpora/{Path(corpus[key]).name}"
    if data.get("model_name_or_path"):
        data["model_name_or_path"] = Path(data["model_name_or_path"]).name
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _size(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


if __name__ == "__main__":
    typer.run(main)
