"""Strange requests for a running server: `python -m serve.fuzz http://localhost:8000`.

schemathesis makes requests from the OpenAPI document of our routes, such as it describes and such
as it forbids. Every answer must be one that the document has: no 5xx, no other status, no other
shape. Half of the well-formed bodies get a real picture, which alone leads past the decoder.
"""

import argparse
import base64
import json
import random
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from facellm.core.errors import FaceLLMError, one_line

ROUTES = r"^/v1/face/"


def picture(side: int = 64) -> str:
    """A small picture without a face as `data:` URL."""
    buffer = BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def with_picture(body: Any, url: str) -> Any:
    """The body with a real picture, every other time."""
    if not isinstance(body, dict) or not isinstance(body.get("image"), str):
        return body
    # By the body itself: a failing case must be the same when it is tried again.
    heads = random.Random(json.dumps(body, sort_keys=True, default=str)).random() < 0.5
    return {**body, "image": url} if heads else body


def fuzz(
    server: str, cases: int, api_key: str | None = None, document: dict[str, Any] | None = None
) -> Counter[str]:
    """Send `cases` requests, spread over the routes; how often each status came back.

    Args:
        server: its address.
        cases: how many requests.
        api_key: of the server.
        document: the OpenAPI document; None asks the server.

    Raises:
        FaceLLMError: schemathesis is not installed.
        schemathesis.FailureGroup: an answer that the document does not have; with the request.
    """
    try:
        import httpx
        import schemathesis
        from hypothesis import HealthCheck, Phase, given, settings
        from schemathesis.checks import not_a_server_error
        from schemathesis.generation import GenerationMode
        from schemathesis.specs.openapi.checks import (
            content_type_conformance,
            response_schema_conformance,
            status_code_conformance,
        )
    except ImportError:
        raise FaceLLMError("fuzzing needs schemathesis: pip install schemathesis") from None
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if document is None:
        document = httpx.get(f"{server}/openapi.json", headers=headers, timeout=60).json()
    schema = schemathesis.openapi.from_dict(document).include(path_regex=ROUTES)
    operations = [result.ok() for result in schema.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    url = picture()
    statuses: Counter[str] = Counter()
    posts = [one for one in operations if one.method == "post"]
    for operation in operations:
        for mode in modes:
            if operation not in posts and mode is GenerationMode.NEGATIVE:
                continue  # nothing to get wrong in a request without content
            many = -(-cases // (2 * len(posts))) if operation in posts else 5

            @settings(
                max_examples=many,
                deadline=None,
                database=None,
                derandomize=False,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def one(case: Any) -> None:
                case.body = with_picture(case.body, url)
                answer = case.call(base_url=server, headers=headers, timeout=120)
                statuses[f"{case.operation.label} {answer.status_code}"] += 1
                case.validate_response(answer, checks=checks)

            one()
    return statuses


def main() -> None:
    """Entry point of `python -m serve.fuzz`."""
    parser = argparse.ArgumentParser(prog="python -m serve.fuzz", description=__doc__)
    parser.add_argument("server", help="such as http://localhost:8000")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--api-key")
    parser.add_argument("--document", type=Path, help="left out, the server's /openapi.json")
    chosen = parser.parse_args()
    with one_line("serve.fuzz"):
        document = json.loads(chosen.document.read_text()) if chosen.document else None
        statuses = fuzz(chosen.server, chosen.cases, chosen.api_key, document)
    print(json.dumps({"cases": statuses.total(), **dict(sorted(statuses.items()))}, indent=1))


if __name__ == "__main__":
    main()
