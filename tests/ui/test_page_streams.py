"""Answers on their way: a server that the test holds back, and one that breaks off."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ui_sites import running

from facellm.core.emotions import EMOTIONS
from facellm.core.report import Expression, FaceReading, FaceReport

pytest.importorskip("starlette", reason="the page needs the extra serve")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def report() -> FaceReport:
    points = [(150.0 + index, 60.0 + index % 9) for index in range(68)]
    expression = Expression(label="fear", probabilities=dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS)))
    face = FaceReading(
        index=1, box=(100, 20, 220, 180), points=points, confidence=1, expression=expression,
        action_units={}, evidence=[], text="At rest.",
    )  # fmt: skip
    return FaceReport(width=512, height=256, faces=[face], finder="given", model="held")


class HeldServer:
    """The API with one fixed report; an answer goes on when the test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.broken = False
        self.gone = threading.Event()

    def app(self) -> Any:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse, Response, StreamingResponse
        from starlette.routing import Route

        async def models(_: Any) -> Response:
            return JSONResponse({"data": [{"id": "held"}]})

        async def analyze(_: Any) -> Response:
            return Response(report().model_dump_json(), media_type="application/json")

        async def pieces() -> Any:
            piece = 'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n'
            try:
                yield piece % "The mouth "
                while not self.go_on.is_set():
                    await asyncio.sleep(0.02)
                if self.broken:
                    yield 'data: {"error": {"message": "internal error"}}\n\n'
                    return
                yield piece % "é (AU12)."
                yield "data: [DONE]\n\n"
            finally:
                self.gone.set()

        async def ask(_: Any) -> Response:
            return StreamingResponse(pieces(), media_type="text/event-stream")

        return Starlette(
            routes=[
                Route("/v1/models", models),
                Route("/v1/face/analyze", analyze, methods=["POST"]),
                Route("/v1/face/ask", ask, methods=["POST"]),
            ]
        )


@pytest.fixture()
def held() -> HeldServer:
    return HeldServer()


@pytest.fixture()
def asked(held: HeldServer, opened: Callable[..., Any], two_faces: Path) -> Iterator[Any]:
    """A page with a question whose answer has begun."""
    from serve.ui.app import page as application

    with running(held.app()) as behind, running(application(behind)) as url:
        page = opened(url)
        page.set_input_files("#file", two_faces)
        page.click("#send")
        page.wait_for_function(
            "() => document.querySelector('.answer')?.textContent === 'The mouth '"
        )
        assert page.get_attribute(".answer", "aria-busy") == "true"
        assert page.is_visible("#stop") and page.is_hidden("#send")
        yield page


def test_an_answer_is_shown_as_it_is_written(held: HeldServer, asked: Any) -> None:
    held.go_on.set()
    asked.wait_for_selector(".answer:not([aria-busy])")
    assert asked.inner_text(".answer") == "The mouth é (AU12)."
    assert asked.get_attribute(".answer abbr", "title") == "Lip Corner Puller"
    assert asked.is_visible("#send") and asked.is_hidden("#stop")


def test_an_answer_is_stopped_at_the_server_too(held: HeldServer, asked: Any) -> None:
    asked.click("#stop")
    asked.wait_for_selector(".answer:not([aria-busy])")
    assert asked.inner_text("#answers li").endswith("Stopped.")
    assert held.gone.wait(60), "the server was never told"


def test_an_answer_that_breaks_off_says_so(held: HeldServer, asked: Any) -> None:
    held.broken = True
    held.go_on.set()
    asked.wait_for_selector(".wrong")
    assert asked.inner_text(".answer").strip() == "The mouth"
    assert "The answer broke off: internal error." in asked.inner_text(".wrong")
