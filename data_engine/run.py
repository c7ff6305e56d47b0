"""`facellm data RECIPE`: sources through steps to a corpus that can be trusted and resumed.

    sources ─┐                 ┌ worker: steps over shard 0 ┐
             ├─▶ shards on disk┼ worker: steps over shard 1 ┼─▶ shards ─▶ whole step ─▶ … ─▶ corpus
    sources ─┘                 └ …                          ┘                               rejects
                                                                                            report

Consecutive steps that look at single items run fused over a shard in one process. A step that must
see everything (`whole`) waits for all shards and streams over them in order. Every shard is
written once and whole, so a run that is killed goes on where it was, and its output depends on the
recipe alone: not on the executor, the workers or the interruptions.
"""

import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_engine.assemble import assemble, read_report, table
from data_engine.identity import claimed, identity, settle
from data_engine.plan import Stage, plan
from data_engine.progress import Progress
from data_engine.recipe import Recipe, load_recipe
from data_engine.retry import ask_again, unanswered
from data_engine.shards import Done, write_whole
from data_engine.sources.base import Source
from data_engine.stage import Tally, apply, room_on_disk, write_stream
from data_engine.step import Item, Reject
from data_engine.work import Job
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump

RunShards = Callable[[Job, Iterable[int], int], Iterator[Done]]


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path:
    """Run a recipe from where it stopped, or from the start; returns the run's folder.

    Args:
        recipe_path: YAML file, see `data_engine.recipe`.
        overrides: `dotted.key=value`.
        dry_run: only print the resolved recipe and its stages.

    Raises:
        FaceLLMError: a mistake in the recipe or the sources, another recipe than the run began
            with, another run in the folder, a full disk, a step that gave up.
    """
    recipe = load_recipe(recipe_path, overrides)
    resolved = recipe.resolved()
    sources, stages = recipe.made_sources(), plan(recipe)
    for source in sources:
        source.check_path()
    if dry_run:
        print(dump(resolved) + "".join(f"# {line}\n" for line in _outline(stages)), end="")
        return recipe.output_dir
    folder = recipe.output_dir
    with claimed(folder), room_on_disk(folder):
        settle(folder, identity(resolved))
        write_whole(folder / "recipe.yaml", dump(resolved))
        if recipe.retry:
            ask_again(folder, stages)
        report = read_report(folder)
        if report is None:
            report = _compute(recipe, sources, stages)
        else:
            print("finished before: nothing to compute", file=sys.stderr)
        left = unanswered(report)
        if not left:
            shutil.rmtree(folder / "work", ignore_errors=True)
        print(f"{table(report)}\n{_held(folder, report)}", file=sys.stderr)
        if left:
            print(f"{_named(left)} got no answer; retry=true asks again", file=sys.stderr)
        _export(recipe)
    return folder


def _told_of(stages: list[Stage]) -> int | None:
    """The stage whose samples the rows of a run are about; None where no step makes rows."""
    for stage in stages:
        if any(step.makes_rows for step in stage.steps):
            return stage.number - 1
    return None


def _outline(stages: list[Stage]) -> Iterator[str]:
    for stage in stages:
        how = "one stream" if stage.stream else "shard by shard"
        yield f"stage {stage.number}: {stage.name.replace('+', ' → ')} ({how})"


def _compute(recipe: Recipe, sources: list[Source], stages: list[Stage]) -> dict[str, Any]:
    folder = recipe.output_dir
    for left in folder.glob("work/*/*.part"):
        left.unlink()
    progress = Progress(folder, [stage.name for stage in stages])
    numbers: Iterable[int] = ()
    try:
        for stage in stages:
            before = stages[max(stage.number - 1, 0)]
            if not stage.stream:
                numbers = _work(recipe, before, stage, numbers, progress)
                continue
            numbers = _stream(recipe, sources, before, stage, progress)
            if stage is stages[-1] or stages[stage.number + 1].stream:
                deque(numbers, maxlen=0)  # else the next stage takes them as they are written
        report = assemble(folder, [stage.shards(folder) for stage in stages], _told_of(stages))
    except BaseException as error:
        progress.end("stopped", str(error) or type(error).__name__)
        if isinstance(error, KeyboardInterrupt):
            print("stopped; the same command goes on from here", file=sys.stderr)
        raise
    progress.end("finished")
    return report


def _held(folder: Path, report: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in report["items"].items())
    return f"{folder}: {counts or 'nothing'}"


def _named(left: dict[str, int]) -> str:
    return f"{sum(left.values())} rows ({', '.join(f'{n} {why}' for why, n in left.items())})"


def _export(recipe: Recipe) -> None:
    """Make what the recipe asks for of the finished corpus; what is there already stays.

    A retry adds rows to a corpus that was exported without them: that export is replaced.
    """
    if recipe.export:
        from data_engine.export import export

        anew = {"overwrite": True} if recipe.retry else {}
        for options in recipe.export:
            print(export(recipe.output_dir, {**options, **anew}), file=sys.stderr)


def _read(sources: list[Source], recipe: Recipe, tally: Tally) -> Iterator[Item | Reject]:
    """The sources one after the other, at most `limit` items."""
    first: Reject | None = None
    for source in sources:
        try:
            for output in source.items(recipe.output_dir):
                tally.count(output)
                if first is None and isinstance(output, Reject):
                    first = output
                yield output
                if tally.all_given == recipe.limit:
                    return
        except (FaceLLMError, OSError, MemoryError):
            raise
        except Exception as error:
            raise FaceLLMError(
                f"source {source.name} failed after {tally.all_given} items: "
                f"{type(error).__name__}: {error}"
            ) from error
    if not tally.all_given:
        seen = "they are empty" if first is None else (
            f"{sum(tally.rejects.values())} were rejected, the first for {first.reason} "
            f"({first.item_id}: {first.detail})"
        )  # fmt: skip
        raise FaceLLMError(f"the sources gave no item that can be used: {seen}")


def _stream(
    recipe: Recipe, sources: list[Source], before: Stage, stage: Stage, progress: Progress
) -> Iterator[int]:
    """Write the shards of a stream; yields their numbers as they are there."""
    folder, tally = recipe.output_dir, Tally(stage.name)
    if not stage.steps:
        stream = _read(sources, recipe, tally)
    else:
        stream = apply(stage.steps[0], before.shards(folder), folder, tally)
    for done in write_stream(stream, stage.shards(folder), recipe.shard_size, tally):
        progress.shard(stage.number, done)
        yield done.shard


def _work(
    recipe: Recipe, before: Stage, stage: Stage, numbers: Iterable[int], progress: Progress
) -> Iterable[int]:
    """Do single shards as the ones they are made from come in; returns all their numbers."""
    source, target = before.shards(recipe.output_dir), stage.shards(recipe.output_dir)

    def missing() -> Iterator[int]:
        for shard in numbers:
            done = target.done(shard)
            if done is None:
                yield shard
            else:
                progress.shard(stage.number, done, fresh=False)

    if target.count() is not None:
        deque(missing(), maxlen=0)
    else:
        job = Job(source.folder, target.folder, recipe.output_dir, stage.parts, recipe.seed)
        for done in _executor(recipe.executor)(job, missing(), recipe.workers):
            progress.shard(stage.number, done)
        target.complete(source.count() or 0)
    return range(target.count() or 0)


def _executor(name: str) -> RunShards:
    if name == "ray":
        from data_engine.executors import ray

        return ray.run_shards
    from data_engine.executors import local

    return local.run_shards
