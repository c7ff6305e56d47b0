"""A real server with the shipped weights, `facellm ui` before it, and a real Chromium."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ui_sites import wait_for

from serve.process import ServerProcess, free_port

SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
PATIENCE = 120_000
"""Milliseconds for anything in the page: the machine may be busy with other tests."""


@pytest.fixture(scope="session")
def site(
    shipped: ServerProcess, key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of the page."""
    url = f"http://127.0.0.1:{free_port()}"
    line = [sys.executable, "-c", "from facellm.cli import main; main()", "ui"]
    line += ["--server", shipped.url, "--api-key", key, "--port", url.rpartition(":")[2]]
    log = tmp_path_factory.mktemp("ui") / "log.txt"
    with log.open("w") as out, subprocess.Popen(line, stdout=out, stderr=out) as process:
        try:
            wait_for(url)
            yield url
        finally:
            process.terminate()
    assert log.read_text() == f"facellm: open http://localhost:{url.rpartition(':')[2]}" + (
        f" (server: {shipped.url})\n"
    ), "the page's process logs nothing of what it passes on"


@pytest.fixture(scope="module")  # while it is open, an event loop runs in this thread
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        # Playwright gives each start a fresh profile folder of its own.
        browser = driver.chromium.launch(executable_path=found, args=list(SWITCHES))
        yield browser
        browser.close()


def complaint(message: Any) -> list[str]:
    """What a page writes to the console, but for the browser's own line about an error answer."""
    text = message.text
    return [] if text.startswith("Failed to load resource: the server responded") else [text]


@pytest.fixture()
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a fresh context; at the end, nothing may have gone elsewhere or wrong."""
    contexts, wrong = [], []

    def open_page(url: str, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()

        def asked(request: Any) -> None:
            if not request.url.startswith((f"{url}/", f"blob:{url}/")):
                wrong.append(f"asked for {request.url[:100]}")

        page.on("request", asked)
        page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
        page.on("console", lambda message: wrong.extend(complaint(message)))
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture()
def page(opened: Callable[..., Any], site: str) -> Any:
    return opened(site)


@pytest.fixture(scope="session")
def two_faces(astronaut: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same face twice, the right one mirrored."""
    from PIL import Image, ImageOps

    face = astronaut.crop((100, 0, 356, 256))
    both = Image.new("RGB", (512, 256))
    both.paste(face, (0, 0))
    both.paste(ImageOps.mirror(face), (256, 0))
    path = tmp_path_factory.mktemp("pictures") / "two faces.png"
    both.save(path)
    return path
