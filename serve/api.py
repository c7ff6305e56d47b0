"""The routes facellm adds to vLLM's server.

    POST /v1/face/analyze      picture (and faces) → FaceReport
    POST /v1/face/maps         picture and faces → evidence maps
    POST /v1/face/ask          picture, question, face → chat completion, also streamed
    GET  /v1/face/schema       JSON schema of FaceReport
    POST /v1/chat/completions  vLLM's, but for `response_format` = the schema of FaceReport; a
                               `video_url` becomes frames

A language model that is merely forced into the schema would make up boxes and points. A chat that
asks for it is answered by `analyze` instead: the finder measures them.
"""

import asyncio
from argparse import Namespace
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from vllm.engine.protocol import EngineClient
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.serve.exception_handling.handlers.http import http_exception_handler
from vllm.entrypoints.serve.lora.protocol import LoadLoRAAdapterRequest
from vllm.entrypoints.serve.utils.api_utils import with_cancellation

from facellm.core.errors import FaceLLMError
from facellm.core.grammar import first_error
from facellm.core.report import FaceReport
from serve.chat import REPORT_SCHEMA, Reply, pieces_of, the_image, wants_report
from serve.clips import frames_wanted, has_clip
from serve.drain import drain_on_sigterm
from serve.idle import close_idle
from serve.lora import check_adapter
from serve.media import decode_image
from serve.pictures import pictures
from serve.schemas import FAILURES, AnalyzeBody, Answer, AskBody, Maps, request_body
from serve.service import FaceService, Usage

CHAT = "/v1/chat/completions"
LOAD_ADAPTER = "/v1/load_lora_adapter"
Body = TypeVar("Body", bound=BaseModel)


class FaceEndpoints:
    """vLLM's endpoint plugin: attached once, then given the engine."""

    name = "facellm_api"
    required_tasks = ("generate",)

    def attach_router(self, app: FastAPI) -> None:
        router = APIRouter(tags=["faces"])
        router.get("/v1/face/schema", responses={401: FAILURES[401]})(schema)
        for path, route, body, answer in (
            ("/v1/face/analyze", analyze, AnalyzeBody, {"model": FaceReport}),
            ("/v1/face/maps", maps, AnalyzeBody, {"model": Maps}),
            ("/v1/face/ask", ask, AskBody, {"model": Answer, "content": {"text/event-stream": {}}}),
        ):
            responses = {200: answer, **FAILURES}
            router.post(path, responses=responses, openapi_extra=request_body(body))(route)
        for path, ours in ((CHAT, _chat), (LOAD_ADAPTER, _load_adapter)):
            for theirs in [r for r in app.routes if isinstance(r, APIRoute) and r.path == path]:
                options = {"dependencies": theirs.dependencies, "responses": theirs.responses}
                router.post(path, **options)(ours(theirs.endpoint))
        app.include_router(router)
        # Starlette's own, for an unknown path or method, comes in another shape.
        app.exception_handler(HTTPException)(http_exception_handler)

    async def init_state(
        self, engine_client: EngineClient | None, state: State, args: Namespace
    ) -> None:
        if engine_client is not None:
            state.faces = FaceService(engine_client, args)
            watches = drain_on_sigterm(state, args.shutdown_timeout), close_idle(state)
            await asyncio.to_thread(pictures.start)
            state.watches = [asyncio.create_task(watch) for watch in watches]
            print(f"facellm: serving {state.faces.model} on port {args.port}", flush=True)


async def _body(request: Request, kind: type[Body]) -> Body:
    """Read a body; FastAPI's own message for a bad one would repeat the picture."""
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise FaceLLMError("the request body is not JSON") from None
        raise FaceLLMError(f"the request is not valid: {first_error(error)}") from None


async def schema() -> dict[str, Any]:
    """The JSON schema of a `FaceReport`, for `response_format` and for validation."""
    return REPORT_SCHEMA


async def analyze(request: Request) -> Response:
    """Read every face of a picture."""
    return await _analyze(await _body(request, AnalyzeBody), request)


@with_cancellation
async def _analyze(body: AnalyzeBody, raw_request: Request) -> Response:
    service: FaceService = raw_request.app.state.faces
    image = await decode_image(body.image)
    report, _ = await service.describe(image, await service.named(image, body.faces))
    return Response(report.model_dump_json(), media_type="application/json")


async def maps(request: Request) -> Response:
    """Where the model looked, for each face."""
    return await _maps(await _body(request, AnalyzeBody), request)


@with_cancellation
async def _maps(body: AnalyzeBody, raw_request: Request) -> Response:
    service: FaceService = raw_request.app.state.faces
    image = await decode_image(body.image)
    named = await service.named(image, body.faces)
    faces = await service.find(image) if named is None else named
    found = Maps(maps=await service.maps(image, faces))
    return Response(found.model_dump_json(), media_type="application/json")


async def ask(request: Request) -> Response:
    """Answer a question about a picture, or about one of its faces."""
    return await _ask(await _body(request, AskBody), request)


@with_cancellation
async def _ask(body: AskBody, raw_request: Request) -> Response:
    service: FaceService = raw_request.app.state.faces
    asked = await service.question(await decode_image(body.image), body.question, body.face)
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
        if wants_report(request.response_format):
            return await _report(request, raw_request)
        if has_clip(request.messages):
            service: FaceService = raw_request.app.state.faces
            options = dict(request.media_io_kwargs or {})
            wanted = frames_wanted(options.pop("video", {}))
            request.media_io_kwargs = options or None  # vLLM takes options of trusted clients alone
            request.messages = await service.with_frames(request.messages, wanted)
        answer: Response = await theirs(request, raw_request)
        return answer

    return create_chat_completion


@with_cancellation
async def _report(request: ChatCompletionRequest, raw_request: Request) -> Response:
    service: FaceService = raw_request.app.state.faces
    if request.model not in (None, "", service.model):
        raise FaceLLMError(f"no model of this name; this server has {service.model}")
    image = await decode_image(the_image(request.messages))
    report, usage = await service.describe(image)
    return _as_chat(report, usage, service.model, bool(request.stream))


def _as_chat(report: FaceReport, usage: Usage, model: str, stream: bool) -> Response:
    text, reply = report.model_dump_json(), Reply(model)
    if stream:
        return StreamingResponse(reply.chunks(pieces_of(text)), media_type="text/event-stream")
    return JSONResponse(reply.whole(text, usage.record()))


def _load_adapter(theirs: Callable[..., Any]) -> Callable[..., Any]:
    async def load_lora_adapter(request: LoadLoRAAdapterRequest, raw_request: Request) -> Response:
        args = raw_request.app.state.args
        check_adapter(request.lora_path, args.model, args.max_lora_rank)
        answer: Response = await theirs(request, raw_request)
        return answer

    return load_lora_adapter
