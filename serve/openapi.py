"""The OpenAPI document of facellm's own routes: `python -m serve.openapi > docs/openapi.json`.

A running server has the whole one, with vLLM's routes, at /openapi.json.
"""

import json
from pathlib import Path
from typing import Any

from facellm.checkpoint import SHIPPED
from serve import launcher

OURS = "/v1/face/"


def application(model: Path = SHIPPED, api_key: str | None = None) -> Any:
    """The server's application without an engine: its routes, none of which can answer much."""
    launcher.set_environment()
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    line = launcher.arguments(model, "127.0.0.1", 8000, api_key, ())
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(line)
    return build_app(args, ("generate",))


def document() -> str:
    """The part that is about our routes, with the shapes they name."""
    whole = application().openapi()
    paths = {path: what for path, what in whole["paths"].items() if path.startswith(OURS)}
    shapes = whole["components"]["schemas"]
    named: dict[str, Any] = {}
    _collect(paths, shapes, named)
    info = {"title": "facellm", "version": "1", "description": "Faces in pictures, read."}
    key = {"type": "http", "scheme": "bearer", "description": "Where the server has --api-key."}
    made = {
        "openapi": whole["openapi"],
        "info": info,
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {"schemas": dict(sorted(named.items())), "securitySchemes": {"key": key}},
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _collect(value: Any, shapes: dict[str, Any], named: dict[str, Any]) -> None:
    """Put the shapes that `value` refers to into `named`, and those they refer to."""
    if isinstance(value, list):
        for one in value:
            _collect(one, shapes, named)
    elif isinstance(value, dict):
        name = str(value.get("$ref", "")).rpartition("/")[2]
        if name and name not in named:
            named[name] = shapes[name]
            _collect(shapes[name], shapes, named)
        for one in value.values():
            _collect(one, shapes, named)


if __name__ == "__main__":
    print(document(), end="")
