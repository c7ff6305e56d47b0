"""Go through all items twice without holding them in memory."""

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from data_engine.step import Item


@contextmanager
def twice(items: Iterable[Item]) -> Iterator[Iterable[Item]]:
    """What can be iterated any number of times in place of `items`.

    A list (or anything that starts anew each time) is used as it is; what runs dry, such as a
    generator, is put down in a temporary file, so that memory stays flat.
    """
    if iter(items) is not iter(items):
        yield items
        return
    with tempfile.TemporaryFile() as file:
        for item in items:
            pickle.dump(item, file, pickle.HIGHEST_PROTOCOL)

        class Stored:
            def __iter__(self) -> Iterator[Item]:
                file.seek(0)
                while True:
                    try:
                        yield pickle.load(file)  # our own bytes, written above
                    except EOFError:
                        return

        yield Stored()
