"""The commands. What a command needs is imported when it runs: `facellm --help` stays instant."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from facellm.core.errors import FaceLLMError, given


class _Commands(TyperGroup):
    """A mistake of the user ends in one line on standard error and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FaceLLMError as error:
            print(f"facellm: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of the output has gone; Python would complain again when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Commands,
    help="Understand faces in pictures with a language model: see where, say why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would double the time it takes
)

Photo = Annotated[Path, typer.Argument(help="A picture file.", show_default=False)]
Model = Annotated[
    Path | None, typer.Option(help="Model folder; left out, the one that ships with facellm.")
]
FinderName = Annotated[str, typer.Option("--finder", help="builtin or mediapipe.")]
FinderModel = Annotated[
    Path | None, typer.Option(help="Model files of the finder, if it needs any.")
]
Server = Annotated[
    str | None, typer.Option(help="Ask this server, such as http://localhost:8000, instead.")
]
RecipeFile = Annotated[Path, typer.Argument(help="A YAML recipe.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="key=value, dots reach inner keys.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe, do nothing.")]
ApiKey = Annotated[str | None, typer.Option(envvar="FACELLM_API_KEY", help="Key of the server.")]


@app.command()
def describe(
    photo: Photo,
    json: Annotated[bool, typer.Option("--json", help="Print the FaceReport as JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the annotated picture here.")] = None,
    model: Model = None,
    finder: FinderName = "builtin",
    finder_model: FinderModel = None,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Read every face of a picture: expression, action units, evidence."""
    from facellm.faces import load_image
    from facellm.summary import summary

    if out is not None:
        _check_writable(out)
    picture = load_image(photo)
    reader = _reader(model, finder, finder_model, server, api_key)
    source = photo if server else picture  # a server gets the file, not its pixels
    report = reader.describe(source)
    if out is not None:
        _save(reader.annotate(source, report), out)
    if json:
        print(report.model_dump_json(indent=2))
    else:
        print(summary(report))


@app.command()
def ask(
    photo: Photo,
    question: Annotated[str, typer.Argument(help="In words.", show_default=False)],
    face: Annotated[
        int | None, typer.Option(help="Ask about this face alone, 1 is the leftmost.", min=1)
    ] = None,
    model: Model = None,
    finder: FinderName = "builtin",
    finder_model: FinderModel = None,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Ask a question about a picture; the answer is printed as it is written."""
    from facellm.faces import load_image

    load_image(photo)  # complain about the picture before a model is loaded
    reader = _reader(model, finder, finder_model, server, api_key)
    for piece in reader.ask(photo, question, face, stream=True):
        print(piece, end="", flush=True)
    print()


@app.command()
def caption(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, videos, folders, globs, tar shards, or lists of paths "
            "(.csv, .tsv, .parquet, .txt).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The table: .parquet or .csv.", show_default=False)],
    format: Annotated[
        str | None, typer.Option(help="parquet or csv; left out, by the ending of --out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Read this many inputs.", min=1)] = None,
    column: Annotated[str | None, typer.Option(help="Where lists have their paths.")] = None,
    fps: Annotated[float, typer.Option(help="Frames of a video to read a second.")] = 2.0,
    sample: Annotated[
        str, typer.Option(help="uniform; change: frames unlike the last; peaks: where most moves.")
    ] = "uniform",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again.")] = False,
    model: Model = None,
    finder: FinderName = "builtin",
    finder_model: FinderModel = None,
    engine: Annotated[str, typer.Option(help="transformers or vllm.")] = "transformers",
    executor: Annotated[
        str, typer.Option(help="local, or ray: on the machines of a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(help="Of ray; left out, one for each GPU, else one.", min=1),
    ] = None,
    server: Server = None,
    concurrency: Annotated[
        int, typer.Option(help="Pictures under way at the server.", min=1, max=256)
    ] = 16,
    api_key: ApiKey = None,
) -> None:
    """Read every face of many pictures and videos into one table; goes on where it was stopped."""
    _quiet()
    from facellm.batch.command import Choices, run

    choices = Choices(
        inputs=inputs, out=out, format=format, limit=limit, column=column, fps=fps, sample=sample,
        overwrite=overwrite, model=model, finder=finder, finder_model=finder_model, engine=engine,
        executor=executor, workers=workers,
    )  # fmt: skip
    if server is not None:
        from serve.batch import ServerCaptioner
        from serve.client import ServerReader

        reader = ServerReader(server, api_key)
        print(run(choices, lambda: ServerCaptioner(reader, concurrency), reader.model))
    elif engine == "vllm":
        from serve.offline import vllm_engine

        print(run(choices, vllm_engine))
    else:
        print(run(choices))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(
    context: typer.Context,
    model: Model = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    api_key: Annotated[
        str | None, typer.Option(envvar="FACELLM_API_KEY", help="Demand this key of clients.")
    ] = None,
    finder: FinderName = "builtin",
    finder_model: FinderModel = None,
) -> None:
    """Serve the model through an OpenAI-compatible API; other options go to vLLM unchanged."""
    from serve.launcher import launch

    launch(model, host, port, api_key, finder, finder_model, context.args)


@app.command()
def ui(
    server: Annotated[
        str | None,
        typer.Option(help="Address of a running `facellm serve`; left out, one is started."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 7860,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers reach the page.")
    ] = None,
    model: Model = None,
    api_key: ApiKey = None,
) -> None:
    """Open a web page: drop a picture or clip, see what is read and where, ask about it."""
    from serve.ui.launch import launch

    launch(server, host, port, api_key, model, allow_host or [])


@app.command()
def train(recipe: RecipeFile, overrides: Overrides = None, dry_run: DryRun = False) -> None:
    """Train a model by a recipe; in several processes under torchrun."""
    from facellm.train import run

    run(recipe, overrides or [], dry_run)


@app.command()
def data(recipe: RecipeFile, overrides: Overrides = None, dry_run: DryRun = False) -> None:
    """Make instruction data by a recipe."""
    from data_engine.run import run

    run(recipe, overrides or [], dry_run)


@app.command()
def rl(recipe: RecipeFile, overrides: Overrides = None, dry_run: DryRun = False) -> None:
    """Reinforce a model by a recipe: GRPO or DPO, with the tasks' own scores as rewards."""
    _quiet()
    from rl import run

    run(recipe, overrides or [], dry_run)


@app.command()
def improve(recipe: RecipeFile, overrides: Overrides = None, dry_run: DryRun = False) -> None:
    """Let a model learn from those of its own answers that the labels bear out, in rounds."""
    _quiet()
    from rl.improve import run

    run(recipe, overrides or [], dry_run)


@app.command("eval")
def evaluate(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML recipe, or `compare`.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="key=value, dots reach inner keys; two runs for `compare`."),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Evaluate models by a recipe, or compare two runs: eval compare RUN RUN."""
    _quiet()
    if str(recipe) == "compare":
        from eval.compare import compare, table

        if len(overrides or []) != 2:
            raise FaceLLMError("compare takes two runs: facellm eval compare RUN RUN")
        print(table(compare(*(overrides or []))))
        return
    from eval.run import run

    run(recipe, overrides or [], dry_run)


@app.command()
def env() -> None:
    """Print the versions that a bug report needs."""
    from facellm.environment import versions

    for name, version in versions().items():
        print(f"{name:14} {version}")


def _reader(
    model: Path | None,
    finder: str,
    finder_model: Path | None,
    server: str | None,
    api_key: str | None,
) -> Any:
    """Something that describes, asks and annotates: here or on a server."""
    if server is not None:
        from serve.client import ServerReader

        return ServerReader(server, api_key)
    _quiet()
    from facellm.reader import load

    return load(model, finder, finder_model)


def _check_writable(path: Path) -> None:
    """Complain before the work, not after it."""
    from PIL import Image

    if path.suffix.lower() not in Image.registered_extensions():
        raise FaceLLMError(f"{given(path)} has no known picture ending; use .png or .jpg")
    if not path.parent.is_dir():
        raise FaceLLMError(
            f"no folder {given(path.parent)} to write the picture to; create it first"
        )


def _save(picture: Any, path: Path) -> None:
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise FaceLLMError(f"cannot write {given(path)}: {error}") from None
    print(f"wrote {path}", file=sys.stderr)


def main() -> None:
    """Entry point of the `facellm` command."""
    app()


def _quiet() -> None:
    """Libraries report progress and deprecations that tell nothing to whoever has a photograph."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":  # torchrun -m facellm.cli train RECIPE
    main()
