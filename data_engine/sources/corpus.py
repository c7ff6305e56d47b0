"""A corpus made before: any folder with `samples.jsonl`, such as one rendered by the rig."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from data_engine.sources.base import Source, relative
from data_engine.sources.table import Once
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import FaceLabels, Sample, read_samples


class Corpus(Source):
    """The samples of another corpus, their pictures where they are.

    Each keeps its own provenance: source, licence and consent are those of the corpus.
    """

    name: ClassVar[str] = "corpus"
    licence: ClassVar[str] = "as each sample states"

    without: frozenset[str] = frozenset()
    """Labels that are left out: text about what a model cannot see teaches it to guess."""

    @field_validator("without")
    @classmethod
    def _labels(cls, names: frozenset[str]) -> frozenset[str]:
        for name in sorted(names):
            if name not in FaceLabels.model_fields:
                raise FaceLLMError(
                    f"without names {given(name)}, which is no label; "
                    f"expected some of {', '.join(FaceLabels.model_fields)}"
                )
        return names

    def read(self, out: Path) -> Iterator[Item | Reject]:
        once = Once()
        for number, sample in enumerate(read_samples(self.path), 1):
            where = f"samples.jsonl:{number}"
            once.see(sample.id, where)
            file = self.path / sample.image
            if file.is_file():
                yield self._less(sample.model_copy(update={"image": relative(file, out)}))
            else:
                yield self.reject(file, "no such file", where)

    def _less(self, sample: Sample) -> Sample:
        if not self.without:
            return sample
        faces = [
            face.model_copy(update={"labels": self._fewer(face.labels)}) for face in sample.faces
        ]
        return sample.model_copy(update={"faces": faces})

    def _fewer(self, labels: FaceLabels) -> FaceLabels:
        kept = labels.model_dump(exclude=set(self.without))
        return FaceLabels(**{**kept, "weak": labels.weak - self.without})
