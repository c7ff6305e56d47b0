"""`make demo`: one photograph through the whole system, as a user of the chat API meets it.

server starts ─► question, answer streamed ─► FaceReport by `response_format`
              ─► annotated picture and report in demo/ ─► server stops
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from facellm.core.errors import FaceLLMError

QUESTION = "What does the expression of this face tell you, and how can you tell?"
OUT = Path("demo")


def main() -> int:
    """Run the demonstration; 2 is a mistake of the user, 130 an interrupt."""
    # A terminated demonstration must stop its server too, which only a Python exit does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demonstrate(os.environ.get("PHOTO") or None)
    except FaceLLMError as error:
        print(f"facellm: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def demonstrate(photo: str | None) -> None:
    """Show a photograph, by default NASA's of Eileen Collins, to a server of its own."""
    from facellm.faces import load_image
    from serve.process import ServerProcess

    begun = time.monotonic()
    picture = load_image(photo) if photo else _astronaut()
    OUT.mkdir(exist_ok=True)
    with ServerProcess(OUT / "server.log") as server:
        print(f"starting the server on port {server.port} …", flush=True)
        from serve.client import ServerReader, data_url

        url = data_url(photo or picture)
        client = _client(server.url)
        server.wait()
        print(f"ready after {time.monotonic() - begun:.0f} s\n")
        _chat(client, server.model, url)
        report = _report(client, server, url)
        ServerReader(server.url).annotate(photo or picture, report).save(OUT / "annotated.png")
    print(f"\nannotated picture: {OUT / 'annotated.png'}, whole report: {OUT / 'report.json'}")
    print(f"done in {time.monotonic() - begun:.0f} s")


def _astronaut() -> Any:
    try:
        from skimage import data
    except ImportError:
        raise FaceLLMError(
            "the default photograph needs scikit-image: pip install 'facellm[demo]', "
            "or name your own with PHOTO="
        ) from None
    from facellm.faces import load_image

    return load_image(data.astronaut())


def _client(url: str) -> Any:
    try:
        from openai import OpenAI
    except ImportError:
        raise FaceLLMError("the demonstration needs openai: pip install 'facellm[demo]'") from None
    return OpenAI(base_url=f"{url}/v1", api_key="none", timeout=120)


def _messages(url: str, question: str) -> list[dict[str, Any]]:
    picture = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [picture, {"type": "text", "text": question}]}]


def _chat(client: Any, model: str, url: str) -> None:
    """Ask as people do and print the answer as it comes."""
    print(f"> {QUESTION}")
    chunks = client.chat.completions.create(
        model=model, messages=_messages(url, QUESTION), temperature=0, max_tokens=300, stream=True
    )
    for chunk in chunks:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print("\n")


def _report(client: Any, server: Any, url: str) -> Any:
    """Ask for the published schema, check the answer against it, print and keep it."""
    import httpx

    from facellm.core.report import FaceReport
    from facellm.summary import summary

    schema = httpx.get(f"{server.url}/v1/face/schema").json()
    answer = client.chat.completions.create(
        model=server.model,
        messages=_messages(url, "Report on every face."),
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "FaceReport", "schema": schema},
        },
    )
    report = FaceReport.model_validate_json(answer.choices[0].message.content)
    (OUT / "report.json").write_text(report.model_dump_json(indent=2), encoding="utf-8")
    # The 68 points of each face would bury the rest.
    shown = report.model_dump(exclude={"faces": {"__all__": {"points"}}})
    print(json.dumps(_rounded(shown), indent=1, ensure_ascii=False))
    print()
    print(summary(report))
    return report


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
