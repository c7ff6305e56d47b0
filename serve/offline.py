"""vLLM's offline engine behind the interface of `facellm.engine`: for batches, without a server."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facellm.checkpoint import model_name
from facellm.core.errors import FaceLLMError
from facellm.prompts import Completion, Request
from serve.launcher import ENVIRONMENT, ON_CPU, PICTURES, on_cpu


def vllm_engine(folder: Path, **options: Any) -> "VllmEngine":
    """Load a checkpoint into vLLM.

    Args:
        folder: a checked model folder.
        options: of `vllm.LLM`, such as `tensor_parallel_size`; they win over ours.

    Raises:
        FaceLLMError: vLLM is not installed.
    """
    if find_spec("vllm") is None:
        raise FaceLLMError(
            "--engine vllm needs vLLM: pip install 'facellm[serve]' (GPU) or 'facellm[serve-cpu]'"
        )
    for name, value in {**ENVIRONMENT, **(ON_CPU if on_cpu() else {})}.items():
        os.environ.setdefault(name, value)
    cpu = {"dtype": "float32", "enforce_eager": True} if on_cpu() else {}
    from vllm import LLM

    llm = LLM(
        str(folder),
        **{
            "limit_mm_per_prompt": {"image": PICTURES},
            "skip_mm_profiling": True,
            "disable_log_stats": True,
            **cpu,
            **options,
        },
    )
    return VllmEngine(llm, model_name(folder), folder)


class VllmEngine:
    """Answers many requests at once; decoding is greedy."""

    def __init__(self, llm: Any, name: str, folder: Path) -> None:
        from transformers import AutoConfig, AutoProcessor

        from facellm.model.configuration import expression_temperature

        self.name = name
        self.llm = llm
        self.processor = AutoProcessor.from_pretrained(folder)
        self.tokenizer = self.processor.tokenizer
        self.expression_temperature = expression_temperature(AutoConfig.from_pretrained(folder))

    @property
    def max_faces(self) -> int:
        """How many faces one request may show."""
        return int(self.processor.image_processor.max_faces)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests, in their order."""
        from vllm import SamplingParams

        from serve.shown import prompts  # vLLM's settings are of this process before it is imported

        if not requests:
            return []
        params = [
            SamplingParams(
                temperature=0,
                max_tokens=1 if request.choices else request.max_tokens,
                logprob_token_ids=list(request.choices) or None,
            )
            for request in requests
        ]
        outputs = self.llm.generate(prompts(requests, self.processor), params, use_tqdm=False)
        return [
            _completion(request, output.outputs[0])
            for request, output in zip(requests, outputs, strict=True)
        ]


def _completion(request: Request, part: Any) -> Completion:
    if request.choices:
        [seen] = part.logprobs
        return Completion(logprobs={token: seen[token].logprob for token in request.choices})
    return Completion(part.text, finished=part.finish_reason == "stop")
