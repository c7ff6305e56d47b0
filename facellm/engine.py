"""Running requests in this process with transformers."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

import facellm.model  # noqa: F401  (registers the classes that the Auto classes return)
from facellm.checkpoint import model_name
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Face
from facellm.evidence_map import EvidenceMap
from facellm.model.configuration import expression_temperature
from facellm.prompts import Completion, Request, landmarks_of

BATCH = 16
"""Requests that run together; more gains nothing on two cores and costs memory."""


class TransformersEngine:
    """A model, its processor and greedy decoding."""

    def __init__(self, folder: Path, device: str | None = None) -> None:
        """Load a checkpoint.

        Args:
            folder: a checked model folder, see `facellm.checkpoint`.
            device: such as `cuda:0`; None takes a GPU where there is one.

        Raises:
            FaceLLMError: a checkpoint that does not fit its configuration.
        """
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.name = model_name(folder)
        self.processor, self.model = _load(folder, self.device)
        self.tokenizer = self.processor.tokenizer

    @property
    def expression_temperature(self) -> float:
        """What the model's probabilities of expressions are tempered by."""
        return expression_temperature(self.model.config)

    @property
    def max_faces(self) -> int:
        """How many faces one request may show."""
        return self.model.config.vision_config.max_faces

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests, in their order.

        Raises:
            FaceLLMError: a prompt that is longer than the model can read.
        """
        answers: dict[int, Completion] = {}
        for group in _groups(requests):
            batch = [requests[index] for index in group]
            run = self._look if batch[0].choices else self._write
            answers.update(zip(group, run(batch), strict=True))
        return [answers[index] for index in range(len(requests))]

    @torch.inference_mode()
    def _write(self, batch: list[Request]) -> list[Completion]:
        inputs = self.inputs(batch)
        most = max(request.max_tokens for request in batch)
        tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=most)
        start = inputs["input_ids"].shape[1]
        return [
            self._completion(row[start:].tolist(), request.max_tokens)
            for row, request in zip(tokens, batch, strict=True)
        ]

    def _completion(self, tokens: list[int], limit: int) -> Completion:
        ends = self.model.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends])
        end = next((i for i, token in enumerate(tokens) if token in stops), len(tokens))
        text = self.tokenizer.decode(tokens[: min(end, limit)], skip_special_tokens=True)
        return Completion(text, finished=end < min(len(tokens), limit))

    @torch.inference_mode()
    def _look(self, batch: list[Request]) -> list[Completion]:
        logits = self.model(**self.inputs(batch), logits_to_keep=1).logits[:, -1].float()
        rows = logits.log_softmax(-1)
        return [
            Completion(logprobs={token: float(row[token]) for token in request.choices})
            for row, request in zip(rows, batch, strict=True)
        ]

    def stream(self, request: Request) -> Iterator[str]:
        """The answer to one request piece by piece; dropping the iterator stops the model."""
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        stop, failure = _Stop(), []
        inputs = self.inputs([request])

        def run() -> None:
            try:
                with torch.inference_mode():
                    self.model.generate(
                        **inputs,
                        do_sample=False,
                        max_new_tokens=request.max_tokens,
                        streamer=streamer,
                        stopping_criteria=StoppingCriteriaList([stop]),
                    )
            except Exception as error:  # handed to the reader's thread, which raises it
                failure.append(error)
                streamer.end()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield from (piece for piece in streamer if piece)
            if failure:
                raise failure[0]
        finally:
            stop.asked = True
            thread.join()

    def inputs(self, batch: list[Request]) -> dict[str, Tensor]:
        """Model inputs of requests with the same prefill, prompts padded on the left."""
        texts = [
            self.processor.apply_chat_template(
                request.messages, add_generation_prompt=True, tokenize=False
            )
            for request in batch
        ]
        inputs = self.processor(
            text=texts,
            images=[image for request in batch for image, _ in request.pictures],
            landmarks=[points for request in batch for _, points in request.pictures],
            return_tensors="pt",
            padding=True,
            padding_side="left",
        )
        prefill = torch.tensor(batch[0].prefill, dtype=torch.long).repeat(len(batch), 1)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], prefill], 1)
        self._check_length(inputs["input_ids"].shape[1])
        seen = torch.ones_like(prefill)
        inputs["attention_mask"] = torch.cat([inputs["attention_mask"], seen], 1)
        return {
            key: inputs[key].to(self.device)
            for key in ("input_ids", "attention_mask", "pixel_values", "landmarks", "num_views")
        }

    def _check_length(self, tokens: int) -> None:
        """Refuse a prompt that the language model has no positions for."""
        most = self.model.config.get_text_config().max_position_embeddings
        if tokens > most:
            raise FaceLLMError(
                f"a prompt of {tokens} tokens; expected at most {most}, which is all that "
                f"{self.name} can read: ask a shorter question, or show fewer pictures or faces"
            )

    def evidence_maps(self, image: Image.Image, faces: Sequence[Face]) -> list[EvidenceMap]:
        """Where each region token of each face looks, faces numbered as they come."""
        maps = []
        for index, face in enumerate(faces, 1):
            points = landmarks_of([face])
            inputs = self.processor.image_processor(images=[image], landmarks=[points])
            attention = self.model.evidence_maps(
                inputs["pixel_values"].to(self.device), inputs["landmarks"].to(self.device)
            )
            [box] = self.processor.view_boxes(image, points)
            maps.append(EvidenceMap.of(index, box, np.asarray(attention[0, 0].float().cpu())))
        return maps


class _Stop(StoppingCriteria):
    """Ends generation when the reader of the stream has gone."""

    asked = False

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        return torch.full((len(input_ids),), self.asked, device=input_ids.device)


def _groups(requests: Sequence[Request]) -> Iterator[list[int]]:
    """Indices of requests that can run as one batch, none longer than `BATCH`."""
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for index, request in enumerate(requests):
        kinds.setdefault((request.prefill, bool(request.choices)), []).append(index)
    for members in kinds.values():
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    dtype = torch.float32 if device == "cpu" else "auto"
    try:
        processor = AutoProcessor.from_pretrained(folder)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, output_loading_info=True
        )
    except FaceLLMError:
        raise
    except Exception as error:  # a damaged file shows as any of a dozen types
        reason = str(error).strip().splitlines() or [type(error).__name__]
        message = f"cannot load the model in {given(folder)}: {reason[0][:160]}"
        raise FaceLLMError(message) from error
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would go on with random numbers in their place.
        raise FaceLLMError(
            f"the weights in {given(folder)} lack {len(missing)} tensors, first {missing[0]}; "
            "they belong to another configuration"
        )
    return processor, model.to(device).eval()
