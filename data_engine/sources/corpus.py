"""A corpus made before: any folder with `samples.jsonl`, such as one rendered by the rig."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, relative
from data_engine.sources.table import Once
from data_engine.step import Item, Reject
from facellm.core.sample import read_samples


class Corpus(Source):
    """The samples of another corpus, their pictures where they are.

    Each keeps its own provenance: source, licence and consent are those of the corpus.
    """

    name: ClassVar[str] = "corpus"
    licence: ClassVar[str] = "as each sample states"

    def read(self, out: Path) -> Iterator[Item | Reject]:
        once = Once()
        for number, sample in enumerate(read_samples(self.path), 1):
            where = f"samples.jsonl:{number}"
            once.see(sample.id, where)
            file = self.path / sample.image
            if file.is_file():
                yield sample.model_copy(update={"image": relative(file, out)})
            else:
                yield self.reject(file, "no such file", where)
