"""What a benchmark asks and what came back: the records between benchmark, model and scorer."""

from pathlib import Path
from typing import Any, NamedTuple

from facellm.core.sample import Record, Sample
from facellm.tasks.response import Unanswerable


class Question(NamedTuple):
    """One question of a benchmark about one face of one picture."""

    id: str
    """Unique in the benchmark: `<sample id>/<face>`, plus `/<variant>` where one is asked twice."""
    sample: Sample
    face: int
    """From 1 at the left."""
    corpus: Path
    """Folder that the sample's paths are relative to."""
    text: str
    gold: Any
    """The task's answer record, or an `Unanswerable`."""
    corruption: str = ""
    """How the picture is spoilt before a model sees it, such as `blur:3`; empty for not at all."""

    @property
    def subject_id(self) -> str:
        """Whom intervals cluster on."""
        return self.sample.provenance.subject_id

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
