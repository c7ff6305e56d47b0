"""How long many pictures take to caption: `python -m serve.plan PHOTOS --images 100000000`.

Measures on some pictures what each step of `facellm caption` costs here, and multiplies. On a CPU
all steps are processor seconds, so that other work on the machine changes little. With a GPU the
model's step is what the clock says while it works for nobody else; the other steps stay a CPU's.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from facellm.batch.command import ENGINES, VLLM_GROUP
from facellm.batch.inputs import Inputs, kind_of
from facellm.batch.output import write_table
from facellm.batch.parts import Parts
from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, given, one_line
from facellm.core.fex import rows_of
from facellm.core.report import FaceReport
from facellm.faces import load_finder, load_image
from facellm.reader import FaceReader

DAY = 86_400.0
MACHINES = (1, 10, 100)
GROUP = 16
"""Pictures handed to transformers at once, as `facellm caption` does."""


class Cost(NamedTuple):
    """What was measured, on average."""

    pictures: int
    picture_bytes: float
    """Of a file."""
    decode_ms: float
    """Of a CPU core, a picture."""
    find_ms: float
    """The same, to find the faces."""
    faces: float
    """In a picture."""
    model_ms: float
    """A face: of a CPU core, or of the GPU."""
    on_gpu: bool
    tokens: float
    """That the model writes about a face."""
    pack_ms: float
    """Of a CPU core, a row: made, kept as a part, written into the table."""
    row_bytes: float
    """In the parquet file."""

    @property
    def rows(self) -> float:
        """For a picture; one without a face has a row of its own."""
        return max(1.0, self.faces)

    @property
    def core_seconds(self) -> float:
        """Of CPU cores, a picture, for all but the model on a GPU."""
        model = 0.0 if self.on_gpu else self.model_ms * self.faces
        return (self.decode_ms + self.find_ms + model + self.pack_ms * self.rows) / 1000


def cost(photos: Sequence[Path], reader: FaceReader, group: int, on_gpu: bool) -> Cost:
    """Do every step with all pictures, one step after the other."""
    reader.describe_many(photos[:2])  # what is made at the first call is not measured
    size = sum(path.stat().st_size for path in photos)
    pictures, decode = _timed(lambda: [load_image(path) for path in photos])
    found, find = _timed(lambda: [reader.finder.find(picture) for picture in pictures])
    pairs = list(zip(pictures, found, strict=True))
    starts = range(0, len(pairs), group)
    reports, model = _timed(
        lambda: [
            report
            for start in starts
            for report in reader.describe_found(pairs[start : start + group], reader.finder.name)
        ],
        on_gpu,
    )
    faces = [face for report in reports for face in report.faces]
    if not faces:
        raise FaceLLMError("no face in any of the pictures; name pictures like those to caption")
    written = [answer for face in faces for answer in face.answers.values()]
    tokens = sum(len(reader.engine.tokenizer.encode(text)) for text in written)
    (rows, bytes_), pack = _timed(lambda: _packed(photos, reports))
    each, count = 1000 / len(photos), len(faces)
    return Cost(
        len(photos), size / len(photos), decode * each, find * each, count / len(photos),
        1000 * model / count, on_gpu, tokens / count, 1000 * pack / rows, bytes_ / rows,
    )  # fmt: skip


def _timed(work: Callable[[], Any], by_clock: bool = False) -> tuple[Any, float]:
    clock = time.perf_counter if by_clock else time.process_time
    begun = clock()
    result = work()
    return result, clock() - begun


def _packed(photos: Sequence[Path], reports: Sequence[FaceReport]) -> tuple[int, int]:
    """Rows and bytes of a table of these reports."""
    rows = [
        row
        for path, report in zip(photos, reports, strict=True)
        for row in rows_of(report, str(path))
    ]
    with tempfile.TemporaryDirectory() as folder:
        parts, out = Parts(Path(folder) / "parts"), Path(folder) / "table.parquet"
        parts.open()
        parts.add(rows, parts.state)
        write_table([parts], out, "parquet")
        return len(rows), out.stat().st_size


def plan(one: Cost, images: int, cores: int, gpus: int) -> list[dict[str, Any]]:
    """What `images` take on different numbers of machines.

    Args:
        one: see `cost`.
        images: to caption.
        cores: of a machine.
        gpus: of a machine; used where the model was measured on one.
    """
    table = []
    for machines in MACHINES:
        by_cores = cores / one.core_seconds
        by_gpus = 1000 * gpus / (one.model_ms * one.faces) if one.on_gpu else by_cores
        rate = machines * min(by_cores, by_gpus)
        table.append({
            "machines": machines,
            "cores": machines * cores,
            "gpus": machines * gpus if one.on_gpu else 0,
            "pictures_per_second": round(rate, 1),
            "days": round(images / rate / DAY, 2),
            "megabytes_read_per_second": round(rate * one.picture_bytes / 1e6, 1),
            "held_up_by": "GPUs" if by_gpus < by_cores else "cores",
        })  # fmt: skip
    return table


def storage(one: Cost, images: int) -> dict[str, float]:
    """Gigabytes of the pictures and of the table; the parts take as much again until the end."""
    table = images * one.rows * one.row_bytes / 1e9
    return {"pictures_gb": round(images * one.picture_bytes / 1e9), "table_gb": round(table)}


def main(
    photos: Annotated[list[str], typer.Argument(help="Pictures like those to caption.")],
    images: Annotated[int, typer.Option(help="How many to plan for.", min=1)] = 100_000_000,
    limit: Annotated[int, typer.Option(help="Pictures to measure with.", min=1)] = 200,
    cores: Annotated[int, typer.Option(help="Of a machine.", min=1)] = 64,
    gpus: Annotated[int, typer.Option(help="Of a machine.", min=1)] = 8,
    engine: Annotated[str, typer.Option(help="transformers or vllm.")] = "transformers",
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped one.")] = None,
    finder: Annotated[str, typer.Option(help="builtin or mediapipe.")] = "builtin",
    finder_model: Annotated[Path | None, typer.Option(help="Model files of the finder.")] = None,
) -> None:
    """Measure and multiply."""
    with one_line("serve.plan"):
        if engine not in ENGINES:
            raise FaceLLMError(f"no engine {given(engine)}; known: {', '.join(ENGINES)}")
        named = [item.path for item in Inputs(photos, limit=limit)]
        named = [path for path in named if kind_of(path) == "picture"]
        if not named:
            raise FaceLLMError("no picture among what was named; name some, or a folder of them")
        made, on_gpu = _engine(engine, checkpoint_folder(model))
        reader = FaceReader(made, load_finder(finder, finder_model))
        one = cost(named, reader, VLLM_GROUP if engine == "vllm" else GROUP, on_gpu)
    measured = {k: round(v, 2) if isinstance(v, float) else v for k, v in one._asdict().items()}
    print(json.dumps({"engine": engine, "measured": measured, **storage(one, images)}, indent=1))
    for row in plan(one, images, cores, gpus):
        print(json.dumps(row))


def _engine(name: str, folder: Path) -> tuple[Any, bool]:
    import torch

    if name == "vllm":
        from serve.offline import vllm_engine

        return vllm_engine(folder), torch.cuda.is_available()
    from facellm.engine import TransformersEngine

    return TransformersEngine(folder), torch.cuda.is_available()


if __name__ == "__main__":
    typer.run(main)
