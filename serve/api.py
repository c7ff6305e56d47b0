"""The routes facellm adds to vLLM's server.

    POST /v1/face/analyze      picture (and faces) → FaceReport
    POST /v1/face/maps         picture and faces → evidence maps
    POST /v1/face/ask          picture, question, face → chat completion, also streamed
    GET  /v1/face/schema       JSON schema of FaceReport
    POST /v1/chat/completions  vLLM's, but for `response_format` = the schema of FaceReport

A language model that is merely forced into the schema would make up boxes and points. A chat that
asks for it is answered by `analyze` instead: the finder measures them.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import State
from vllm.engine.protocol import EngineClient
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

from facellm.core.errors import FaceLLMError
from facellm.core.grammar import first_error
from facellm.core.report import FaceReport
from facellm.core.sample import Box, Face, Point
from facellm.faces import GivenFinder
from serve.chat import REPORT_SCHEMA, Reply, pieces_of, the_image, wants_report
from serve.media import decode_image
from serve.service import FaceService, Usage

CHAT = "/v1/chat/completions"
Body = TypeVar("Body", bound=BaseModel)


class GivenFace(BaseModel):
    """A face the client knows already."""

    points: list[Point] = Field(min_length=68, max_length=68)
    """68 Multi-PIE points, x, y in pixels of the upright picture."""
    box: Box | None = None
    """x0, y0, x1, y1; left out, the box around the points."""


class AnalyzeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: str
    """`data:` URL or base64 of an encoded picture."""
    faces: list[GivenFace] | None = None
    """Left out, the server's finder looks."""

    def given(self) -> list[Face] | None:
        """The faces as records, from left to right."""
        if self.faces is None:
            return None
        records = [one.model_dump() for one in self.faces]
        boxed = [r if r["box"] else {**r, "box": _around(r["points"])} for r in records]
        finder = GivenFinder([r["points"] for r in boxed], [r["box"] for r in boxed])
        return finder.find(None)  # type: ignore[arg-type]  # it never looks


class AskBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: str
    question: str
    face: int | None = Field(default=None, ge=1)
    """Ask about this face alone, 1 is the leftmost."""
    stream: bool = False


def _around(points: list[Point]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


class FaceEndpoints:
    """vLLM's endpoint plugin: attached once, then given the engine."""

    name = "facellm_api"
    required_tasks = ("generate",)

    def attach_router(self, app: FastAPI) -> None:
        router = APIRouter(tags=["faces"])
        router.get("/v1/face/schema")(schema)
        for path, route, body in (
            ("/v1/face/analyze", analyze, AnalyzeBody),
            ("/v1/face/maps", maps, AnalyzeBody),
            ("/v1/face/ask", ask, AskBody),
        ):
            router.post(path, openapi_extra=_documented(body))(route)
        theirs = next(r for r in app.routes if isinstance(r, APIRoute) and r.path == CHAT)
        router.post(CHAT, dependencies=theirs.dependencies, responses=theirs.responses)(
            _chat(theirs.endpoint)
        )
        app.include_router(router)

    async def init_state(
        self, engine_client: EngineClient | None, state: State, args: Namespace
    ) -> None:
        if engine_client is not None:
            state.faces = FaceService(engine_client, args)
            print(f"facellm: serving {state.faces.model} on port {args.port}", flush=True)


def _documented(body: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": body.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def _body(request: Request, kind: type[Body]) -> Body:
    """Read a body; FastAPI's own message for a bad one would repeat the picture."""
    try:
        return kind.model_validate(await request.json())
    except ValidationError as error:
        raise FaceLLMError(f"the request is not valid: {first_error(error)}") from None
    except ValueError:
        raise FaceLLMError("the request body is not JSON") from None


async def schema() -> dict[str, Any]:
    """The JSON schema of a `FaceReport`, for `response_format` and for validation."""
    return REPORT_SCHEMA


async def analyze(request: Request) -> Response:
    """Read every face of a picture."""
    body = await _body(request, AnalyzeBody)
    service: FaceService = request.app.state.faces
    report, _ = await service.describe(await _decoded(body.image), body.given())
    return Response(report.model_dump_json(), media_type="application/json")


async def maps(request: Request) -> JSONResponse:
    """Where the model looked, for each face."""
    body = await _body(request, AnalyzeBody)
    service: FaceService = request.app.state.faces
    image = await _decoded(body.image)
    given = body.given()
    faces = await service.find(image) if given is None else given
    return JSONResponse({"maps": [one.model_dump() for one in await service.maps(image, faces)]})


async def ask(request: Request) -> Response:
    """Answer a question about a picture, or about one of its faces."""
    body = await _body(request, AskBody)
    service: FaceService = request.app.state.faces
    asked = await service.question(await _decoded(body.image), body.question, body.face)
    reply, usage = Reply(service.model), Usage()
    pieces = service.stream(asked, usage)
    if body.stream:
        return StreamingResponse(reply.chunks(pieces), media_type="text/event-stream")
    parts = [piece async for piece in pieces]
    reason = "length" if parts and parts[-1][1] else "stop"
    return JSONResponse(reply.whole("".join(text for text, _ in parts), usage.record(), reason))


def _chat(theirs: Callable[..., Any]) -> Callable[..., Any]:
    async def create_chat_completion(
        request: ChatCompletionRequest, raw_request: Request
    ) -> Response:
        if not wants_report(request.response_format):
            answer: Response = await theirs(request, raw_request)
            return answer
        service: FaceService = raw_request.app.state.faces
        if request.model not in (None, "", service.model):
            raise FaceLLMError(f"no model of this name; this server has {service.model}")
        image = await _decoded(the_image(request.messages))
        report, usage = await service.describe(image)
        return _as_chat(report, usage, service.model, bool(request.stream))

    return create_chat_completion


def _as_chat(report: FaceReport, usage: Usage, model: str, stream: bool) -> Response:
    text, reply = report.model_dump_json(), Reply(model)
    if stream:
        return StreamingResponse(reply.chunks(pieces_of(text)), media_type="text/event-stream")
    return JSONResponse(reply.whole(text, usage.record()))


async def _decoded(image: str) -> Any:
    from asyncio import to_thread

    return await to_thread(decode_image, image)
