"""The finder of a server, the same in each of its processes."""

import os
from functools import lru_cache
from pathlib import Path

from PIL import Image

from facellm.core.sample import Face
from facellm.faces import Finder, load_finder

FINDER, FINDER_MODEL = "FACELLM_FINDER", "FACELLM_FINDER_MODEL"
"""Environment variables by which the launcher names it."""


def tell(finder: str, model: Path | None) -> None:
    """Name the finder for this process and all it starts."""
    os.environ[FINDER] = finder
    if model is not None:
        os.environ[FINDER_MODEL] = str(model.resolve())


@lru_cache(maxsize=1)
def server_finder() -> Finder:
    """The named finder, loaded once a process; `builtin` where none is named."""
    path = os.environ.get(FINDER_MODEL)
    return _Counted(load_finder(os.environ.get(FINDER, "builtin"), Path(path) if path else None))


class _Counted:
    """A finder whose work shows on /metrics."""

    def __init__(self, finder: Finder) -> None:
        from serve import metrics  # its package comes with vLLM

        self.name = finder.name
        self._finder = finder
        self._metrics = metrics

    def find(self, image: Image.Image) -> list[Face]:
        with self._metrics.FINDER_SECONDS.time():
            faces = self._finder.find(image)
        self._metrics.PICTURES.inc()
        self._metrics.FACES.inc(len(faces))
        return faces
