"""The key is demanded on every route there is, and errors have one shape."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facellm.checkpoint import SHIPPED

pytest.importorskip("vllm", reason="vLLM is not installed")
pytestmark = pytest.mark.slow


def application(key: str | None) -> Any:
    """vLLM's application with our routes, as `facellm serve` makes it; no engine."""
    from serve.openapi import application

    return application(SHIPPED, key)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Any]:
    from starlette.testclient import TestClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1")  # more routes to guard
        app = application("secret")
    yield TestClient(app, raise_server_exceptions=False)


def routes(app: Any) -> list[tuple[str, str]]:
    """Method and path of everything that can be asked; mounts with a path below them."""
    found = []
    for route in app.routes:
        path = route.path.replace("{response_id}", "resp_1")
        methods = getattr(route, "methods", None) or {"GET", "POST"}
        found += [(method, path) for method in sorted(methods)]
        if not hasattr(route, "methods"):
            found.append(("GET", f"{path}/below"))
    return found


def test_every_route_demands_the_key(guarded: Any) -> None:
    asked = routes(guarded.app)
    paths = {path for _, path in asked}
    assert {"/invocations", "/metrics", "/docs", "/openapi.json", "/v1/face/analyze"} <= paths
    assert {"/v1/load_lora_adapter", "/tokenize", "/scale_elastic_ep"} <= paths
    open_to_all = []
    for method, path in asked:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic secret"}):
            answer = guarded.request(method, path, headers=headers)
            if answer.status_code != 401:
                open_to_all.append(path)
                continue
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                assert answer.json()["error"]["code"] == 401
    assert set(open_to_all) == {"/health"}


@pytest.mark.parametrize(
    "path", ["/health/", "//health", "/health/../metrics", "/HEALTH", "/unknown", "/healthmetrics"]
)
def test_no_spelling_of_the_open_path_opens_another(guarded: Any, path: str) -> None:
    assert guarded.get(path).status_code == 401


def test_the_key_opens(guarded: Any) -> None:
    headers = {"authorization": "Bearer secret"}
    for path in ("/v1/face/schema", "/openapi.json", "/metrics", "/version"):
        assert guarded.get(path, headers=headers).status_code == 200
    assert guarded.get("/metrics", headers={"authorization": "bearer secret"}).status_code == 200


def test_browsers_may_ask_whether_they_may_ask(guarded: Any) -> None:
    headers = {"origin": "http://a.example", "access-control-request-method": "POST"}
    answer = guarded.options("/v1/face/analyze", headers=headers)
    assert answer.status_code != 401
    assert b"face" not in answer.content


def test_unknown_paths_and_methods_have_the_same_shape_of_error(guarded: Any) -> None:
    headers = {"authorization": "Bearer secret"}
    for method, path, code in (("GET", "/nothing", 404), ("PUT", "/v1/face/analyze", 405)):
        answer = guarded.request(method, path, headers=headers)
        assert answer.status_code == code == answer.json()["error"]["code"]


def test_without_a_key_nothing_is_demanded() -> None:
    from starlette.testclient import TestClient

    assert TestClient(application(None)).get("/v1/face/schema").status_code == 200


def test_the_published_document_is_current() -> None:
    from serve.openapi import document

    published = Path(__file__).parents[2] / "docs/openapi.json"
    assert published.read_text() == document(), "run python -m serve.openapi > docs/openapi.json"
