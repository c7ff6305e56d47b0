"""A set of pictures on the Hugging Face hub, or a local copy of one, read as a stream.

    hub: {repo: org/name, columns: {label: emotion}, licence: …}

Rows are streamed: nothing is downloaded but the rows that are read, and nothing is kept but the
pictures. A `repo` that is a folder below `path` is read from there. A class number is named by the
set's own list of classes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from data_engine.sources.embedded import Embedded, Place
from data_engine.sources.generic import SPLIT_WORDS, split_word
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.splits import Split


class Hub(Embedded):
    """Samples of a set on the hub."""

    name = "hub"
    splits: ClassVar[Mapping[str, Split]] = SPLIT_WORDS

    repo: str
    """Id such as `org/name`, or a folder below `path`."""
    path: Path = Path()
    """Where a folder named by `repo` is looked for."""
    config: str | None = None
    """Which configuration of the set, where it has several."""
    revision: str | None = None
    """Branch, tag or commit: name a commit for a run that can be repeated."""

    @property
    def called(self) -> str:
        """The name of the data set."""
        return self.dataset or Path(self.repo).name

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the rows of the wanted splits in the order of the stream."""
        for part, stream in self._streams().items():
            features = stream.features or {}
            missing = [name for name in self.columns.named() if name not in features]
            if features and missing:
                raise FaceLLMError(
                    f"{self.repo} lacks the columns {', '.join(missing)}; it has "
                    f"{', '.join(features)}"
                )
            names = {
                name: feature.names
                for name, feature in features.items()
                if type(feature).__name__ == "ClassLabel"
            }
            split = split_word(part, self.repo)
            for number, row in enumerate(self._rows(stream), 1):
                place = Place(Path(f"{self.called}[{part}]"), number, self.path / self.repo, split)
                yield self.item(row, names, place, out)

    def _streams(self) -> dict[str, Any]:
        """The wanted parts of the set, by their names in it."""
        datasets = _datasets()
        local = self.path / self.repo
        try:
            parts = datasets.load_dataset(
                str(local) if local.is_dir() else self.repo, self.config,
                revision=self.revision, streaming=True,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError) as error:
            raise FaceLLMError(
                f"cannot read {self.repo} from the hub ({_reason(error)}); check the id and the "
                f"connection, or put a copy at {local}"
            ) from None
        wanted = {
            name: stream
            for name, stream in parts.items()
            if self.split is None or split_word(name, self.repo) == self.splits[self.split]
        }
        if not wanted:
            raise FaceLLMError(
                f"{self.repo} has no split {self.split!r}; it has {', '.join(parts)}"
            )
        return {name: self._undecoded(stream) for name, stream in wanted.items()}

    def _undecoded(self, stream: Any) -> Any:
        """The stream with pictures as bytes and a path: decoding and encoding would change them."""
        image = _datasets().Image
        column = self.columns.path
        if isinstance((stream.features or {}).get(column), image):
            return stream.cast_column(column, image(decode=False))
        return stream

    def _rows(self, stream: Any) -> Iterator[dict[str, Any]]:
        rows = iter(stream)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except (OSError, RuntimeError) as error:
                raise FaceLLMError(
                    f"the stream of {self.repo} broke ({_reason(error)}); run again, finished "
                    "shards are kept"
                ) from None
            yield row


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise FaceLLMError("the hub needs datasets; run: pip install 'facellm[data]'") from None
    return datasets


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
