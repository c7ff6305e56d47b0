"""Reading faces inside the server: the finder here, the language model in vLLM's engine."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from transformers import AutoConfig, AutoProcessor
from vllm.engine.protocol import EngineClient
from vllm.sampling_params import RequestOutputKind, SamplingParams

from facellm.core.report import FaceReport
from facellm.core.sample import Face
from facellm.describe import Describer
from facellm.evidence_map import EvidenceMap
from facellm.model.configuration import expression_temperature
from facellm.prompts import Completion, Request, landmarks_of
from facellm.reader import question_about
from serve.clips import with_frames
from serve.finder import server_finder
from serve.given import named_faces
from serve.media import FaceMediaConnector
from serve.metrics import UNREAD
from serve.schemas import GivenFace
from serve.shown import close_up, prompts


class FaceService:
    """One a server; what the routes call."""

    def __init__(self, engine: EngineClient, args: Namespace) -> None:
        names = args.served_model_name
        self.model = names[0] if names else str(args.model)
        self._engine = engine
        self._processor = AutoProcessor.from_pretrained(args.model)
        temperature = expression_temperature(AutoConfig.from_pretrained(args.model))
        self._describer = Describer(self._processor.tokenizer, temperature)
        self._finder = server_finder()
        self._connector = FaceMediaConnector(
            allowed_local_media_path=args.allowed_local_media_path,
            allowed_media_domains=args.allowed_media_domains,
        )

    async def find(self, image: Image.Image) -> list[Face]:
        """The faces of a picture, found without holding up other requests."""
        return await asyncio.to_thread(self._finder.find, image)

    async def named(
        self, image: Image.Image, given: Sequence[GivenFace] | None
    ) -> list[Face] | None:
        """The faces a client names; None where it names none and the finder shall look."""
        if given is None:
            return None
        return await asyncio.to_thread(named_faces, image, given, self._finder)

    async def describe(
        self, image: Image.Image, faces: Sequence[Face] | None = None
    ) -> tuple[FaceReport, "Usage"]:
        """Read every face of a picture; see `FaceReader.describe`."""
        name = self._finder.name if faces is None else "given"
        found = await self.find(image) if faces is None else list(faces)
        usage = Usage()
        requests = self._describer.requests(image, found)
        made = await asyncio.to_thread(prompts, requests, self._processor)
        pairs = zip(requests, made, strict=True)
        answers = await asyncio.gather(*(self._answer(*pair, usage) for pair in pairs))
        report = self._describer.report(image, found, answers, name, self.model)
        for face in report.faces:
            for part in face.unread:
                UNREAD.labels(part).inc()
        return report, usage

    async def question(self, image: Image.Image, question: str, face: int | None) -> Request:
        """The request for one question; see `FaceReader.ask`."""
        most = self._processor.image_processor.max_faces
        return question_about(image, await self.find(image), question, face, most)

    async def with_frames(self, messages: Sequence[Any], frames: int) -> list[Any]:
        """A chat about a clip as one about its frames; see `serve.clips`."""
        most = self._processor.image_processor.max_faces
        return await with_frames(messages, self._connector, self._finder.find, most, frames)

    async def stream(self, request: Request, usage: "Usage") -> AsyncIterator[tuple[str, bool]]:
        """Pieces of an answer and whether it was cut off, which only the last piece knows."""
        kind = RequestOutputKind.DELTA
        params = SamplingParams(temperature=0, max_tokens=request.max_tokens, output_kind=kind)
        [prompt] = await asyncio.to_thread(prompts, [request], self._processor)
        first = True
        async for output in self._engine.generate(prompt, params, request_id=_new_id()):
            [part] = output.outputs
            usage.add(len(output.prompt_token_ids or ()) if first else 0, len(part.token_ids))
            first = False
            yield part.text, part.finish_reason == "length"

    async def maps(self, image: Image.Image, faces: Sequence[Face]) -> list[EvidenceMap]:
        """Where the model looked; see `TransformersEngine.evidence_maps`."""
        return [await self._map(image, face, index) for index, face in enumerate(faces, 1)]

    async def _map(self, image: Image.Image, face: Face, index: int) -> EvidenceMap:
        points = landmarks_of([face])
        part, moved = close_up(image, points, self._processor.image_processor)
        inputs = self._processor.image_processor(images=[part], landmarks=[moved])
        pixels, slots = inputs["pixel_values"].numpy(), inputs["landmarks"].numpy()
        # Bytes travel between the processes of every vLLM setup; arrays only between some.
        answer = await self._engine.collective_rpc(
            "evidence_maps", args=(pixels.tobytes(), slots.tobytes(), list(pixels.shape))
        )
        attention = np.frombuffer(answer[0][0], np.float32).reshape(answer[0][1])
        [box] = self._processor.view_boxes(image, points)
        return EvidenceMap.of(index, box, attention[0, 0])

    async def _answer(self, request: Request, prompt: dict[str, Any], usage: "Usage") -> Completion:
        params = SamplingParams(
            temperature=0,
            max_tokens=1 if request.choices else request.max_tokens,
            logprob_token_ids=list(request.choices) or None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        async for output in self._engine.generate(prompt, params, request_id=_new_id()):
            [part] = output.outputs
            usage.add(len(output.prompt_token_ids or ()), len(part.token_ids))
            if request.choices:
                [seen] = part.logprobs
                return Completion(logprobs={t: seen[t].logprob for t in request.choices})
            return Completion(part.text, finished=part.finish_reason == "stop")
        raise RuntimeError("the engine ended without an answer")


def _new_id() -> str:
    return f"face-{uuid4().hex}"


class Usage:
    """Tokens of all requests behind one answer, for the client's accounting."""

    def __init__(self) -> None:
        self.prompt = self.completion = 0

    def add(self, prompt: int, completion: int) -> None:
        self.prompt += prompt
        self.completion += completion

    def record(self) -> dict[str, int]:
        """As OpenAI's API names them."""
        total = self.prompt + self.completion
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": total,
        }
