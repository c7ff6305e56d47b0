"""Captioning on a running server: several pictures under way, a passing failure tried again."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from facellm.core.errors import FaceLLMError
from facellm.core.report import FaceReport
from facellm.faces import ImageSource
from serve.client import ServerDown, ServerReader, data_url

PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each further attempt."""


class ServerCaptioner:
    """Reads pictures on a server; it finds the faces."""

    def __init__(self, reader: ServerReader, concurrency: int = 16) -> None:
        self.group = 4 * concurrency
        self._reader = reader
        self._threads = ThreadPoolExecutor(concurrency)

    def look(self, source: ImageSource) -> str:
        """Check the picture and make it ready to send."""
        return data_url(source)

    def describe(self, looked: Sequence[object]) -> list[FaceReport | FaceLLMError]:
        return list(self._threads.map(self._one, looked))

    def _one(self, url: object) -> FaceReport | FaceLLMError:
        """One picture's report, or why the server refuses it.

        Raises:
            ServerDown: it does not answer, also not after a while.
        """
        for pause in PAUSES:
            try:
                return self._ask(url)
            except ServerDown:
                time.sleep(pause)
        return self._ask(url)

    def _ask(self, url: object) -> FaceReport | FaceLLMError:
        try:
            return self._reader.analyze(str(url))
        except ServerDown:
            raise
        except FaceLLMError as error:
            return error
