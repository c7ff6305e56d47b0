"""What a benchmark asks and what came back: the records between benchmark, model and scorer."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from facellm.core.sample import Clip, Record, Sample
from facellm.tasks.response import Unanswerable

HIDE = "hide"
"""The corruption that covers one tile of the face asked about: `hide:<tiles a side>:<tile>`."""
MIRROR = "mirror"
"""The corruption that flips a picture; also the variant in the ids of such questions."""


class Shots(NamedTuple):
    """How a clip is shown; see `eval.clips`."""

    clip: Clip
    count: int
    """Frames at most."""
    how: Literal["uniform", "peaks"]
    """Evenly in time, or where most moves."""


class Question(NamedTuple):
    """One question of a benchmark about one face of one picture."""

    id: str
    """Unique in the benchmark: `<sample id>/<face>`; where a face is asked about several times,
    `/<wording>` from 1 or `/mirror` behind it."""
    sample: Sample
    face: int
    """From 1 at the left of the stored picture."""
    corpus: Path
    """Folder that the sample's paths are relative to."""
    text: str
    gold: Any
    """The task's answer record, or an `Unanswerable`."""
    corruption: str = ""
    """How the picture is changed before a model sees it: spoilt, such as `blur:3`, `mirror`, or a
    tile hidden, such as `hide:7:24`; empty for not at all."""
    task: str = ""
    """Of `facellm.tasks`."""
    shots: Shots | None = None
    """Where the sample stands for a clip: `sample.image` then names a video."""

    @property
    def subject_id(self) -> str:
        """Whom intervals cluster on."""
        return self.sample.provenance.subject_id

    @property
    def about(self) -> str:
        """Which face of which picture, in whatever words it is asked about."""
        return f"{self.sample.id}/{self.face}"

    @property
    def gold_json(self) -> str:
        """The gold as JSON."""
        if isinstance(self.gold, Unanswerable):
            return self.gold.model_dump_json()
        return str(self.gold.model_dump_json())


class Answer(Record):
    """What a model answered to one question."""

    id: str
    text: str | None
    """None where no answer came; `error` says why."""
    error: str | None = None
    latency: float | None = None
    """Seconds; shared out evenly where questions ran in one batch."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    probabilities: dict[str, float] | None = None
    """Of the possible answers, where the model gives them."""
