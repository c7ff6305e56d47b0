"""Answers by vLLM in the trainer's own process, with the trainer's weights.

    prompt ids, pictures ─► vLLM (our model class, `serve`) ─► completion ids, log-probabilities
    weights after an update ─► load_weights ─► sums of every tensor compared on both sides

Three things that go wrong without a word are looked at every time: the weights vLLM answers with,
the prompt it answered to, and (in `rl.trainer`) how likely it says its answers are. vLLM expands a
picture's token itself, so it is sent prompts with one token a picture, not the expanded ones.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from rl.prompts import LANDMARKS

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine must share the trainer's tensors
    "VLLM_PLUGINS": "facellm",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # or the trainer's threads would be pinned too
}
SAME = 1e-5
"""Share of a tensor's summed magnitude by which its sums may differ."""


class Sampling(NamedTuple):
    """How answers are drawn; temperature and top_p are 1."""

    max_tokens: int
    stops: Sequence[int]
    """Ids that end an answer."""
    image_token: int
    """Stands for pictures in prompts and is never drawn."""


class Room(NamedTuple):
    """What an engine may take."""

    seats: int
    """Answers in the making at once."""
    memory: float
    """Share of a GPU's memory."""
    processes: int = 1
    """Of the run; each has an engine of its own, on its own GPU."""


class Colocated:
    """vLLM beside the trainer; the engine starts with the first answers."""

    def __init__(self, folder: Path, sampling: Sampling, room: Room) -> None:
        if find_spec("vllm") is None:
            raise FaceLLMError(
                "rollouts vllm needs vLLM: pip install 'facellm[serve]' (GPU) or "
                "'facellm[serve-cpu]', or choose rollouts transformers"
            )
        self.folder, self.sampling, self.room = folder, sampling, room
        self.llm: Any = None
        self.step: int | None = None
        """Of the weights that vLLM holds."""

    def generate(
        self, prompts: Sequence[Sequence[int]], images: Sequence[Any], counts: Sequence[int]
    ) -> tuple[list[list[int]], list[list[float]]]:
        """One answer to each prompt, and the log-probability of each of its tokens.

        Args:
            prompts: ids, pictures expanded.
            images: the pictures of each prompt, which carry their landmarks.
            counts: tokens of each picture of all prompts, in order.

        Raises:
            FaceLLMError: vLLM answered to another prompt than it was sent.
        """
        from vllm import SamplingParams

        left = iter(counts)
        requests = [
            {
                "prompt_token_ids": collapsed(ids, self.sampling.image_token, left),
                "multi_modal_data": {"image": [_item(image) for image in own]},
            }
            for ids, own in zip(prompts, images, strict=True)
        ]
        # A seed each, so that a resumed run draws what the killed one would have drawn.
        seeds = torch.randint(2**31, (len(requests),)).tolist()
        params = [
            SamplingParams(
                max_tokens=self.sampling.max_tokens,
                logprobs=0,
                seed=seed,
                stop_token_ids=list(self.sampling.stops),
                logit_bias={self.sampling.image_token: -100.0},
                detokenize=False,
            )
            for seed in seeds
        ]
        try:
            answered = self.llm.generate(requests, params, use_tqdm=False)
        except Exception as error:  # whatever an engine dies of
            raise FaceLLMError(
                f"vLLM gave no answers ({type(error).__name__}: {str(error)[:200]}); the last "
                "checkpoint is untouched: start again, or with rollouts transformers"
            ) from error
        for ids, output in zip(prompts, answered, strict=True):
            if list(output.prompt_token_ids) != list(ids):
                raise FaceLLMError(
                    f"vLLM answered to a prompt of {len(output.prompt_token_ids)} tokens that is "
                    f"not the one of {len(ids)} it was sent; nothing was learned from the answers"
                )
        completions = [list(output.outputs[0].token_ids) for output in answered]
        logps = [
            [
                step[token].logprob
                for token, step in zip(ids, output.outputs[0].logprobs, strict=True)
            ]
            for ids, output in zip(completions, answered, strict=True)
        ]
        return completions, logps

    def sync(self, model: nn.Module, step: int) -> None:
        """Give vLLM the model's weights, unless it holds those of this step.

        Raises:
            FaceLLMError: what vLLM holds afterwards is not what it was given.
        """
        if self.llm is None:
            self.llm = self._start()
        if self.step == step:
            return
        weights = dict(served(model))
        [wrong] = self.llm.apply_model(lambda inside: _load(inside, weights))
        if wrong:
            raise FaceLLMError(
                f"after step {step} vLLM does not hold the trainer's weights ({wrong}); "
                "the last checkpoint is untouched"
            )
        # What was computed by the weights before: prompts' keys and values, and pictures' features.
        self.llm.reset_prefix_cache()
        self.llm.llm_engine.engine_core.reset_encoder_cache()
        self.step = step

    def _start(self) -> Any:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from vllm import LLM
        from vllm.platforms import current_platform

        cpu = current_platform.is_cpu()
        options: dict[str, Any] = {"dtype": "float32"} if cpu else {}
        if self.room.processes > 1:  # which torchrun has started, and which know each other
            options["distributed_executor_backend"] = "external_launcher"
        with weights_kept(cpu):
            return LLM(
                str(self.folder),
                enforce_eager=cpu,
                gpu_memory_utilization=self.room.memory,
                max_num_seqs=self.room.seats,
                limit_mm_per_prompt={"image": 1},
                skip_mm_profiling=True,
                disable_log_stats=True,
                logprobs_mode="raw_logprobs",
                **options,
            )


def _item(image: Any) -> dict[str, Any]:
    return {"image": image, "landmarks": image.info[LANDMARKS]}


def collapsed(ids: Sequence[int], token: int, counts: Iterator[int]) -> list[int]:
    """A prompt with one token for each picture; `counts` gives the tokens of each in turn."""
    short, at = [], 0
    while at < len(ids):
        short.append(ids[at])
        at += next(counts) if ids[at] == token else 1
    return short


def served(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Names and values as a saved model has them: adapters added to what they adapt."""
    adapted = {n: m for n, m in model.named_modules() if hasattr(m, "get_delta_weight")}
    seen: set[int] = set()
    for name, value in model.state_dict().items():
        if ".lora_" in name or value.data_ptr() in seen:  # the second name of a tied tensor
            continue
        seen.add(value.data_ptr())
        place, _, leaf = name.replace(".base_layer.", ".").rpartition(".")
        if place in adapted and leaf == "weight":
            layer: Any = adapted[place]
            value = value + sum(layer.get_delta_weight(one) for one in layer.active_adapters)
        yield f"{place}.{leaf}", value.detach()


def _load(inside: Any, weights: Mapping[str, Tensor]) -> str:
    """Load weights into vLLM's model; the first tensor that then differs, or nothing."""
    inside.load_weights(weights.items())
    held = dict(inside.named_parameters()) | dict(inside.named_buffers())
    given: dict[str, list[float]] = {}
    for name, value in weights.items():
        own = _name_in(inside, name)
        if own not in held:
            return f"{name} has no counterpart"
        value = value.to(held[own].dtype).double()
        sums = given.setdefault(own, [0.0, 0.0])
        sums[0] += float(value.sum())
        sums[1] += float(value.abs().sum())
    for own, (total, size) in given.items():
        value = held[own].double()
        off = max(abs(float(value.sum()) - total), abs(float(value.abs().sum()) - size))
        if not off <= SAME * size + 1e-12:  # NaN too
            return f"{own} is off by {off:.3g}"
    return ""


def _name_in(inside: Any, name: str) -> str:
    """What vLLM calls a tensor, or the larger one that it keeps it in."""
    for prefix, own in inside.hf_to_vllm_mapper.orig_to_new_prefix.items():
        if name.startswith(prefix):
            name = own + name.removeprefix(prefix)
            break
    for packed, parts in inside.packed_modules_mapping.items():
        for part in parts:
            name = name.replace(f".{part}.", f".{packed}.")
    return name


@contextmanager
def weights_kept(cpu: bool) -> Iterator[None]:
    """On CPU vLLM packs a layer's weights for its kernels and drops them: none could be loaded."""
    if not cpu:
        yield
        return
    from vllm.model_executor.layers import utils

    packing = utils.dispatch_cpu_unquantized_gemm

    def plain(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = plain
    try:
        yield
    finally:
        utils.dispatch_cpu_unquantized_gemm = packing
