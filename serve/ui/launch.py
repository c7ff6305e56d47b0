"""`facellm ui`: the page, over a server that runs already or over one of its own."""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from facellm.core.errors import FaceLLMError, given
from serve.launcher import check_port
from serve.process import ServerProcess

NEEDED = ("starlette", "uvicorn", "httpx")


def launch(
    server: str | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    api_key: str | None = None,
    model: Path | None = None,
    hosts: Sequence[str] = (),
) -> None:
    """Serve the page until stopped.

    Args:
        server: address of `facellm serve`; None starts one for the page alone.
        host: address to listen on.
        port: port to listen on.
        api_key: key of the server.
        model: a model folder for a server of its own; None is the one that ships.
        hosts: names beside this machine's own under which the page is reached.

    Raises:
        FaceLLMError: a bad address, a taken port, missing packages, a server that does not start.
    """
    if server is not None and not server.startswith(("http://", "https://")):
        raise FaceLLMError(f"{given(server)} is not an address; expected http://host:port")
    if server is not None and model is not None:
        raise FaceLLMError("--model is for a server of the page's own; leave out --server")
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise FaceLLMError(
            f"the page needs {missing[0]}: pip install 'facellm[serve]' or 'facellm[serve-cpu]'"
        )
    check_port(host, port)
    with ExitStack() as running:
        if server is None:
            # A terminated page must stop its server too, which only a Python exit does.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            server = _started(running, model, api_key)
        _run(server.rstrip("/").removesuffix("/v1"), host, port, api_key, hosts)


def _started(running: ExitStack, model: Path | None, api_key: str | None) -> str:
    folder = running.enter_context(tempfile.TemporaryDirectory(prefix="facellm-ui-"))
    if api_key:
        os.environ["FACELLM_API_KEY"] = api_key  # on a command line everybody could read it
    process = running.enter_context(ServerProcess(Path(folder) / "log.txt", model))
    print(f"facellm: starting {process.model} on port {process.port} …", flush=True)
    process.wait()
    return process.url


def _run(server: str, host: str, port: int, api_key: str | None, hosts: Sequence[str]) -> None:
    import uvicorn

    from serve.ui.app import page

    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host
    shown = f"[{shown}]" if ":" in shown else shown
    print(f"facellm: open http://{shown}:{port} (server: {server})", flush=True)
    app = page(server, api_key, [host, *hosts])
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
