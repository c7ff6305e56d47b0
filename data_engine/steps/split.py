"""Put every person into one split."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.splits import Split, split_of


class SplitBySubject(Step):
    """Decide the split from the subject's id alone, so that it never changes with the set around.

    With `keep` the splits that the sources state stay and are only checked. Holds one word a
    subject in memory. Rejects: `no_subject` where the id is empty. Raises FaceLLMError for a
    subject in two splits, which would let a model be tested on people it was trained on.
    """

    name: ClassVar[str] = "split"
    whole: ClassVar[bool] = True

    val: float = Field(default=0.1, ge=0, lt=1)
    """Share of the subjects for validation."""
    test: float = Field(default=0.1, ge=0, lt=1)
    """Share of the subjects for testing."""
    salt: str = ""
    """Another word gives another, independent split."""
    keep: bool = False
    """Keep the split that each item has from its source."""

    @model_validator(mode="after")
    def _leaves_some(self) -> "SplitBySubject":
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val} + test {self.test} leave nothing to train on")
        return self

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        seen: dict[str, Split] = {}
        for item in items:
            subject = item.provenance.subject_id
            if not subject.strip():
                yield reject(item, self.name, "no_subject", "a split needs to know who is shown")
                continue
            if not self.keep:
                split = split_of(subject, self.val, self.test, self.salt)
                item = item.model_copy(update={"split": split})
            if seen.setdefault(subject, item.split) != item.split:
                raise FaceLLMError(
                    f"subject {given(subject)} is in {seen[subject]} and in {item.split} (item "
                    f"{item.id} of {item.provenance.source}); mend the source or set keep: false"
                )
            yield item
