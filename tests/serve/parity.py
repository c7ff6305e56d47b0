"""Run by tests in a process of its own: the same prompts through transformers and vLLM.

python parity.py CHECKPOINT OUT.json [ADAPTER]

With a folder for an adapter, the engine takes adapters, and one with random weights is written
there and compared too; without, whole reports are.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.update(
    VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_KVCACHE_SPACE="1", VLLM_LOGGING_LEVEL="ERROR",
    VLLM_PLUGINS="facellm", VLLM_NO_USAGE_STATS="1", HF_HUB_OFFLINE="1",
    TRANSFORMERS_VERBOSITY="error", CXX="/no/compiler/is/needed",
)  # fmt: skip

import numpy as np
from PIL import Image

TOKENS = 24
QUESTIONS = (
    "Which expression does this face show? Answer with the emotion as JSON.",
    "Which action units does face 1 show? Answer with intensities as JSON.",
    "Describe this face. Answer in sentences.",
    "What does the mouth do?",
    "Why?",
)


def pictures() -> list[Image.Image]:
    """A real photograph and three that are not, of different shapes."""
    from skimage import data

    noise = np.random.default_rng(0).integers(0, 255, (97, 140, 3), np.uint8)
    ramp = np.linspace(0, 255, 200 * 120).reshape(200, 120).astype(np.uint8)
    photo = Image.fromarray(data.astronaut())
    part = photo.crop((100, 0, 400, 260))
    return [photo, Image.fromarray(noise), Image.fromarray(ramp).convert("RGB"), part]


def landmarks(image: Image.Image, faces: int, seed: int) -> np.ndarray:
    """Points of made-up faces that lie in the picture, (faces, 68, 2)."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0.3, 0.7, (faces, 1, 2)) * image.size
    return (centre + rng.normal(0, 12, (faces, 68, 2))).astype(np.float32)


class Sides:
    """The two ways to run a checkpoint."""

    def __init__(self, folder: str, **options: Any) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from vllm import LLM, SamplingParams

        settings = {
            "dtype": "float32", "enforce_eager": True, "skip_mm_profiling": True,
            "limit_mm_per_prompt": {"image": 3}, "disable_log_stats": True, "max_num_seqs": 16,
        }  # fmt: skip
        self.llm = LLM(folder, **{**settings, **options})
        self.params = SamplingParams(temperature=0, max_tokens=TOKENS)
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(folder).eval()

    def prompt(self, question: str, images: int = 1) -> str:
        parts = [{"type": "image"}] * images + [{"type": "text", "text": question}]
        return self.processor.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )

    def transformers(self, prompt: str, images: list, points: list) -> list[int]:
        inputs = self.processor(text=[prompt], images=images, landmarks=points)
        tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=TOKENS)
        return tokens[0, inputs["input_ids"].shape[1] :].tolist()

    def vllm(self, requests: list[dict[str, Any]], adapter: Any = None) -> list[list[int]]:
        outputs = self.llm.generate(requests, self.params, use_tqdm=False, lora_request=adapter)
        return [list(output.outputs[0].token_ids) for output in outputs]


def item(image: Image.Image, points: np.ndarray | None) -> dict[str, Any]:
    return {"image": image, "landmarks": points}


def given_and_found(sides: Sides, questions: Sequence[str] = QUESTIONS) -> list[dict[str, Any]]:
    """One picture a prompt: 0, 1 and 3 faces given, and faces found."""
    cases = []
    for index, image in enumerate(pictures()):
        for faces in (0, 1, 3, None):
            points = None if faces is None else landmarks(image, faces, index)
            for question in questions:
                kind = "found" if faces is None else f"given {faces}"
                cases.append((kind, image, points, sides.prompt(question)))
    answers = sides.vllm(
        [{"prompt": p, "multi_modal_data": {"image": [item(i, x)]}} for _, i, x, p in cases]
    )
    return [
        {
            "kind": kind,
            "vllm": answer,
            "transformers": sides.transformers(prompt, [image], [points]),
        }
        for (kind, image, points, prompt), answer in zip(cases, answers, strict=True)
    ]


def two_pictures(sides: Sides) -> list[dict[str, Any]]:
    """Two pictures a prompt with unequal numbers of faces; one is in the cache by now."""
    first, second, *_ = pictures()
    cases = []
    for a, b in ((1, 3), (0, 2), (3, 0)):
        points = [landmarks(first, a, 0), landmarks(second, b, 7)]
        prompt = sides.prompt("Compare them.", 2)
        items = [item(first, points[0]), item(second, points[1])]
        [answer] = sides.vllm([{"prompt": prompt, "multi_modal_data": {"image": items}}])
        expected = sides.transformers(prompt, [first, second], points)
        cases.append({"kind": "two pictures", "vllm": answer, "transformers": expected})
    return cases


def other_channels(sides: Sides) -> list[dict[str, Any]]:
    """Landmarks by processor option and under one client-chosen id."""
    image = pictures()[3]
    prompt, cases = sides.prompt("Why?"), []
    for seed in (11, 12):
        points = landmarks(image, 1, seed)
        expected = sides.transformers(prompt, [image], [points])
        by_item = {"prompt": prompt, "multi_modal_data": {"image": [item(image, points)]}}
        by_option = {
            "prompt": prompt,
            "multi_modal_data": {"image": [image]},
            "mm_processor_kwargs": {"landmarks": [points.tolist()]},
        }
        for kind, request in (("uuid", by_item), ("option uuid", by_option), ("option", by_option)):
            ids = {"multi_modal_uuids": {"image": ["mine"]}} if "uuid" in kind else {}
            [answer] = sides.vllm([{**request, **ids}])
            cases.append({"kind": kind, "vllm": answer, "transformers": expected})
    return cases + one_id(sides)


def one_id(sides: Sides) -> list[dict[str, Any]]:
    """Different pictures under one client-chosen id, as two clients may choose it."""
    cases = []
    for image in pictures()[:2]:
        prompt = sides.prompt(QUESTIONS[2])
        request = {"prompt": prompt, "multi_modal_data": {"image": [image]}}
        [answer] = sides.vllm([{**request, "multi_modal_uuids": {"image": ["img-1"]}}])
        expected = sides.transformers(prompt, [image], [None])
        cases.append({"kind": "one id", "vllm": answer, "transformers": expected})
    return cases


def refused(sides: Sides) -> list[str]:
    """Messages for landmarks that make no sense; the engine must answer afterwards."""
    image, messages = pictures()[1], []
    for points in (np.zeros((1, 5, 2)), np.full((1, 68, 2), np.nan), np.zeros((99, 68, 2))):
        try:
            sides.vllm(
                [
                    {
                        "prompt": sides.prompt("Why?"),
                        "multi_modal_data": {"image": [item(image, points)]},
                    }
                ]
            )
        except ValueError as error:
            messages.append(str(error))
    return messages


def by_id_alone(sides: Sides) -> str:
    """The message for an id in place of a picture, after a picture came under it."""
    request = {"prompt": sides.prompt("Why?"), "multi_modal_uuids": {"image": ["img-1"]}}
    sides.vllm([{**request, "multi_modal_data": {"image": [pictures()[0]]}}])
    try:
        sides.vllm([{**request, "multi_modal_data": {"image": [None]}}])
    except ValueError as error:
        return str(error)
    return "answered"


def with_adapter(sides: Sides, adapter: str) -> list[dict[str, Any]]:
    """A LoRA adapter on the language model, and the bare model in the same engine."""
    import torch
    from peft import LoraConfig, get_peft_model
    from vllm.lora.request import LoRARequest

    torch.manual_seed(0)
    modules = ["q_proj", "v_proj", "gate_proj", "down_proj"]
    config = LoraConfig(r=8, target_modules=modules, init_lora_weights=False)
    adapted = get_peft_model(sides.model, config).eval()
    adapted.save_pretrained(adapter)
    image, named = pictures()[0], LoRARequest("random", 1, adapter)
    cases = []
    for faces in (0, 1, 3):
        points, prompt = landmarks(image, faces, faces), sides.prompt(QUESTIONS[0])
        request = {"prompt": prompt, "multi_modal_data": {"image": [item(image, points)]}}
        expected = sides.transformers(prompt, [image], [points])
        with adapted.disable_adapter():
            bare = sides.transformers(prompt, [image], [points])
        [got], [other] = sides.vllm([request], named), sides.vllm([request])
        cases.append({"kind": "adapter", "vllm": got, "transformers": expected})
        cases.append({"kind": "bare", "vllm": other, "transformers": bare})
    return cases


def main(folder: str, out: str, adapter: str | None = None) -> None:
    lora = {"enable_lora": True, "max_lora_rank": 8} if adapter else {}
    sides = Sides(folder, **lora)
    result = {
        "refused": refused(sides),
        "by id alone": by_id_alone(sides),
        "cases": given_and_found(sides) + two_pictures(sides) + other_channels(sides),
    }
    if adapter:
        result["adapter"] = with_adapter(sides, adapter)  # last: it changes the model
    else:
        from offline_reports import reports

        from serve.offline import VllmEngine

        result |= reports(VllmEngine(sides.llm, "nano", Path(folder)), Path(folder))
    Path(out).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
