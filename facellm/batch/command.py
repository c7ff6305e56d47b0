"""`facellm caption`: from options to a job, every mistake named before a model is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from facellm.batch.inputs import Inputs
from facellm.batch.job import Executor, Job, Settings, caption
from facellm.batch.local import Captioner, LocalCaptioner, weights_digest
from facellm.batch.output import Format, beside
from facellm.checkpoint import checkpoint_folder, model_name
from facellm.core.errors import FaceLLMError, given
from facellm.faces import FINDERS, load_finder
from facellm.faces.sampling import Sampling

ENGINES = ("transformers", "vllm")
VLLM_GROUP = 64
"""Pictures handed over at once to an engine that makes its own batches."""


@dataclass(frozen=True)
class Choices:
    """The options of the command."""

    inputs: list[str]
    out: Path
    format: str | None
    limit: int | None
    column: str | None
    fps: float
    sample: str
    overwrite: bool
    model: Path | None
    finder: str
    finder_model: Path | None
    engine: str
    executor: str = "local"
    workers: int | None = None


def run(
    choices: Choices,
    make: Callable[..., Any] | None = None,
    served: str | None = None,
) -> str:
    """Caption; returns a line about what was done.

    Args:
        choices: the options.
        make: with `served`, makes the captioner; else makes an engine from a model folder. None is
            the engine of transformers.
        served: name of the model on a server.

    Raises:
        FaceLLMError: see `caption`; an unknown format, sampling, engine or finder.
    """
    kind = _format(choices)
    if choices.sample not in get_args(Sampling):
        known = ", ".join(get_args(Sampling))
        raise FaceLLMError(f"no sampling {given(choices.sample)}; expected one of {known}")
    if choices.engine not in ENGINES:
        raise FaceLLMError(f"no engine {given(choices.engine)}; known: {', '.join(ENGINES)}")
    if choices.executor not in get_args(Executor):
        raise FaceLLMError(f"no executor {given(choices.executor)}; expected local or ray")
    if choices.executor == "ray" and served:
        raise FaceLLMError(
            "--executor ray runs the model on the cluster's machines; leave out --server"
        )
    if choices.finder not in FINDERS:
        raise FaceLLMError(f"no finder {given(choices.finder)}; known: {', '.join(FINDERS)}")
    if not 0 < choices.fps <= 1000:
        raise FaceLLMError(f"{choices.fps:g} frames a second; expected a rate above 0")
    inputs = Inputs(choices.inputs, choices.column, choices.limit)
    folder = None if served else checkpoint_folder(choices.model)
    settings = Settings(
        model=served or model_name(folder or Path()),
        weights=weights_digest(folder) if folder else "",
        finder="the server's" if served else choices.finder,
        engine="server" if served else choices.engine,
        fps=choices.fps,
        sample=choices.sample,  # type: ignore[arg-type]  # checked above
        format=kind,
        executor=choices.executor,  # type: ignore[arg-type]  # checked above
    )
    job = Job(inputs, choices.out, settings, choices.overwrite, workers=choices.workers)
    if folder is None:
        assert make is not None
        told = caption(job, make)
    else:
        # A function of a module, for it may be sent to other machines.
        told = caption(job, partial(_local, choices, folder, make))
    return summary(choices.out, told)


def _format(choices: Choices) -> Format:
    named = choices.format or choices.out.suffix.removeprefix(".").lower()
    if named not in get_args(Format):
        raise FaceLLMError(
            f"{given(choices.format or choices.out.name)} names no format; "
            "expected .parquet or .csv, or --format parquet or csv"
        )
    return "csv" if named == "csv" else "parquet"


def _local(choices: Choices, folder: Path, make: Callable[[Path], Any] | None) -> Captioner:
    from facellm.reader import FaceReader

    finder = load_finder(choices.finder, choices.finder_model)
    if make is not None:
        return LocalCaptioner(FaceReader(make(folder), finder), VLLM_GROUP)
    from facellm.engine import TransformersEngine

    return LocalCaptioner(FaceReader(TransformersEngine(folder), finder))


def summary(out: Path, told: dict[str, Any]) -> str:
    """What was done, in a line or three."""
    text = f"{out}: {told['rows']} rows, {told['faces']} faces in {told['frames']} frames"
    if told["state"] == "finished before":
        return f"{text}; finished before, nothing to do (--overwrite starts again)"
    text += f", {told['no_face']} without a face"
    if told["errors"] or told["warnings"]:
        text += (
            f"\n{told['errors']} could not be read, {told['warnings']} faces with a remark: "
            f"see {beside(out, '.errors.csv')}"
        )
    if told["left_out"]:
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(told["left_out"].items()))
        text += f"\nleft out, neither picture, video nor tar: {others}"
    return text
