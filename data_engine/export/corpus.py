"""Write a corpus for others: one pass over the rows, everything counted on the way.

rows ──▶ checked ──┬─▶ data/*.parquet        chat
           │       ├─▶ rl/*.parquet          rl
           │       ├─▶ sharegpt/*.jsonl      sharegpt, with dataset_info.json
           │       └─▶ census, gallery ──▶ README.md, labels.png, gallery.png
           └─ cannot be exported ──▶ failures.jsonl
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from data_engine.diversity import compare
from data_engine.export.card import Findings, card
from data_engine.export.census import Census, sampled_answers
from data_engine.export.columns import (
    CHAT_SCHEMA,
    RL_SCHEMA,
    Cells,
    chat_record,
    picture_cells,
    rl_record,
)
from data_engine.export.figures import histograms
from data_engine.export.gallery import Picks, gallery
from data_engine.export.losses import Losses
from data_engine.export.options import ExportOptions
from data_engine.export.parquet import ParquetShards
from data_engine.export.pictures import BadRow, Failure, Media, check_parts, shows_nobody
from data_engine.export.place import MARKER, appearing_folder, write_json
from data_engine.export.sharegpt import ShareGPTFiles, conversation
from data_engine.row import Row
from data_engine.shards import StepCount
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Box, Record

Boxes = Mapping[str, Sequence[Box]]


class Exported(Record):
    """What became of the rows."""

    out: Path
    rows: dict[str, int]
    """By split, as exported."""
    scorable: dict[str, int]
    """By split, in the rl form."""
    failures: dict[str, int]
    """Rows that were left out, by reason; `not_scorable` ones of the rl form only."""

    def __str__(self) -> str:
        """One line for a person."""
        rows = ", ".join(f"{split} {n:,}" for split, n in self.rows.items())
        text = f"{self.out}: {rows}"
        if self.failures:
            lost = ", ".join(f"{reason} {n:,}" for reason, n in self.failures.items())
            text += f"; left out, see failures.jsonl: {lost}"
        return text


def export_rows(
    rows: Iterable[Row],
    folder: Path,
    out: Path,
    options: ExportOptions,
    rejects: Iterable[Reject] = (),
    baseline: Iterable[Row] | None = None,
    boxes: Callable[[Sequence[str]], Boxes] = lambda _: {},
    steps: Sequence[StepCount] = (),
    made_of: Mapping[str, Any] | None = None,
) -> Exported:
    """Export rows as they come; memory does not grow with them but for 30 bytes a row.

    Args:
        rows: of all splits, in any order.
        folder: what the rows' pictures are relative to.
        out: folder to write; it appears when everything in it is finished.
        options: what to write; its `out` and `baseline` are the caller's business.
        rejects: what the pipeline took out.
        baseline: rows to compare the diversity of the answers with.
        boxes: finds the face boxes of samples by their ids, for the few rows of the gallery.
        steps: what the run's report says of each step.
        made_of: what tells whether the export must be made again, for its marker.

    Raises:
        FaceLLMError: no row at all, or none that can be exported; a place that cannot be written.
    """
    with appearing_folder(out, options.overwrite) as part:
        writing = _Writing(part, folder, out, options, Losses(steps))
        for row in rows:
            writing.add(row)
        for reject in rejects:
            writing.losses.reject(reject)
        done = writing.close()
        writing.describe(done, baseline, boxes)
        numbers = done.model_dump(mode="json", exclude={"out"})
        write_json(part / MARKER, {**numbers, "made_of": dict(made_of or {})})
    return done


class _Writing:
    """The files of one export while rows come in."""

    def __init__(
        self, part: Path, folder: Path, out: Path, options: ExportOptions, losses: Losses
    ) -> None:
        self.part, self.out, self.options = part, out, options
        self.media = Media(folder)
        self.census, self.losses = Census(options.seed), losses
        self.picks = Picks(options.gallery_rows, options.gallery_of_photos, options.seed)
        size = options.shard_megabytes << 20
        wanted = options.forms
        self.chat = ParquetShards(part / "data", CHAT_SCHEMA, size) if "chat" in wanted else None
        self.rl = ParquetShards(part / "rl", RL_SCHEMA, size) if "rl" in wanted else None
        self.sharegpt = ShareGPTFiles(part, options.name) if "sharegpt" in wanted else None
        self._failures: TextIO | None = None

    def add(self, row: Row) -> None:
        """Write one row into every form, or into none and the list of failures."""
        try:
            check_parts(row)
            pictures = picture_cells(row, self.media, self.options.pictures == "embed")
            for name in row.videos:
                self.media.video(name)
            said = conversation(row, self.media, self.out)
        except BadRow as bad:
            self._fail(bad.failure(row))
            return
        if self.chat is not None:
            self.chat.add(row.split, chat_record(row, pictures, self.media, self.out))
        if self.sharegpt is not None:
            self.sharegpt.add(row.split, said)
        if self.rl is not None:
            self._add_scorable(self.rl, row, pictures)
        self.census.add(row)
        self.picks.add(row)

    def _add_scorable(self, shards: ParquetShards, row: Row, pictures: list[Cells]) -> None:
        try:
            shards.add(row.split, rl_record(row, pictures))
        except BadRow as bad:
            self._fail(bad.failure(row))

    def _fail(self, failure: Failure) -> None:
        if self._failures is None:
            self._failures = (self.part / "failures.jsonl").open("w", encoding="utf-8")
        self._failures.write(failure.model_dump_json() + "\n")
        self.losses.fail(failure)

    def close(self) -> Exported:
        """Finish the files of rows.

        Raises:
            FaceLLMError: there were no rows, or none could be exported.
        """
        lost = dict(self.losses.failures)
        if not self.census.total:
            if not lost:
                raise FaceLLMError(
                    f"no rows to export from {self.media.folder}; run a recipe first"
                )
            kind, n = self.losses.failures.most_common(1)[0]
            example = self.losses.examples["export", kind]
            raise FaceLLMError(
                f"none of {sum(lost.values())} rows could be exported; {n} of them: {kind}, such "
                f"as {example}; expected pictures below {self.media.folder}"
            )
        if self._failures is not None:
            self._failures.close()
        if self.chat is not None:
            self.chat.close()
        if self.sharegpt is not None:
            self.sharegpt.close()
        scorable = self.rl.close() if self.rl is not None else {}
        if self.options.forms == ("rl",) and not scorable:
            raise FaceLLMError(
                f"none of {self.census.total} rows has a gold answer, which the rl form needs; "
                "export the form chat, or use writers whose answers can be scored"
            )
        rows = {split: n for split in ("train", "val", "test") if (n := self.census.rows[split])}
        return Exported(out=self.out, rows=rows, scorable=scorable, failures=lost)

    def describe(
        self, done: Exported, baseline: Iterable[Row] | None,
        boxes: Callable[[Sequence[str]], Boxes],
    ) -> None:  # fmt: skip
        """Write card and pictures."""
        options, chosen = self.options, self.picks.rows()
        photos = options.gallery_of_photos
        if chosen:
            known = boxes([sample for row in chosen for sample in row.sample_ids])
            gallery(chosen, self.media, known, photos).save(self.part / "gallery.png")
        histograms(self.census, self.part / "labels.png")
        comparison = None
        if baseline is not None:
            drawn = sampled_answers(baseline, seed=options.seed)
            comparison = compare(drawn, self.census.answers.values(), seed=options.seed)
        about = Findings(
            name=options.name,
            forms=options.forms,
            embedded=options.pictures == "embed",
            scorable=done.scorable,
            diversity=self.census.varied(),
            comparison=comparison,
            gallery_rows=len(chosen),
            withheld=0 if photos else sum(not shows_nobody(row) for row in chosen),
        )
        text = card(self.census, self.losses, about)
        (self.part / "README.md").write_text(text, encoding="utf-8")
