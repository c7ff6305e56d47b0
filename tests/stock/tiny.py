"""Tiny random models of each stock family with their own processors, built in code."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from facellm.model.build import END, PAD, START, train_tokenizer

TEMPLATE = """\
{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string %}{{- message['content'] }}{%- else %}
{%- for part in message['content'] %}
{%- if part['type'] in ('image', 'image_url') %}{{- 'IMAGE' }}
{%- elif part['type'] == 'video' %}{{- 'VIDEO' }}
{%- else %}{{- part['text'] }}{%- endif %}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""


class Tiny(NamedTuple):
    """A stock model and its processor."""

    model: Any
    processor: Any
    image: str
    """What stands for a picture in a prompt."""


def tokenizer_with(image: str, video: str = "", **names: str) -> PreTrainedTokenizerFast:
    """A tokenizer that knows a family's special tokens, some as attributes of their own."""
    words = ["Describe face 1 in this picture.", "The face is happy. <answer>"]
    base = train_tokenizer(words, 290)
    tokens = [t for t in (image, video, *names.values()) if t]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base._tokenizer, pad_token=PAD, eos_token=END, padding_side="left",
        extra_special_tokens=[START, *tokens], model_specific_special_tokens=names,
        chat_template=TEMPLATE,
    )  # fmt: skip
    tokenizer.add_special_tokens({"extra_special_tokens": [START, *tokens]})
    return tokenizer


def finish(config: Any, processor: Any, seed: int) -> Any:
    """A model whose answers depend on the picture: larger weights than the usual start."""
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "embed" not in name:
                parameter.mul_(3.0)
    tokenizer = processor.tokenizer
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 4096, "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None, **more,
    }  # fmt: skip


def qwen_ids(tokenizer: Any) -> dict[str, int]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }


def qwen_tokenizer() -> PreTrainedTokenizerFast:
    return tokenizer_with(
        "<|image_pad|>", "<|video_pad|>", s="<|vision_start|>", e="<|vision_end|>"
    )


QWEN_TEMPLATE = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
SIZE = {"shortest_edge": 64 * 64, "longest_edge": 128 * 128}


def qwen3_vl(seed: int = 0, head_dim: int = 16) -> Tiny:
    """vLLM has no attention on CPUs for heads below 32."""
    tokenizer = qwen_tokenizer()
    sections = [head_dim // 4, head_dim // 8, head_dim // 8]
    rope = {
        "rope_type": "default", "rope_theta": 10000.0, "mrope_section": sections,
        "mrope_interleaved": True,  # vLLM reads it, transformers does so always
    }  # fmt: skip
    config = Qwen3VLConfig(
        # One layer more than DeepStack feeds: what the last layer gets, text never sees.
        text_config=text(
            tokenizer, head_dim=head_dim, num_hidden_layers=3, rope_parameters=rope
        ),
        vision_config={
            "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
            "patch_size": 8, "out_hidden_size": 32, "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        tie_word_embeddings=True,
        **qwen_ids(tokenizer),
    )  # fmt: skip
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(patch_size=8, size=SIZE), tokenizer,
        Qwen3VLVideoProcessor(patch_size=8, size=SIZE),
        chat_template=QWEN_TEMPLATE.replace("VIDEO", "<|video_pad|>"),
    )  # fmt: skip
    return Tiny(
        finish(config, processor, seed), processor, "<|vision_start|><|image_pad|><|vision_end|>"
    )


def qwen2_5_vl(seed: int = 0) -> Tiny:
    tokenizer = qwen_tokenizer()
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    config = Qwen2_5_VLConfig(
        text_config=text(tokenizer, rope_parameters=rope),
        vision_config={
            "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
            "patch_size": 8, "out_hidden_size": 32, "window_size": 48, "fullatt_block_indexes": [1],
        },
        tie_word_embeddings=True,
        **qwen_ids(tokenizer),
    )  # fmt: skip
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(patch_size=8, size=SIZE), tokenizer,
        Qwen2VLVideoProcessor(patch_size=8, size=SIZE),
        chat_template=QWEN_TEMPLATE.replace("VIDEO", "<|vision_start|><|video_pad|><|vision_end|>"),
    )  # fmt: skip
    return Tiny(
        finish(config, processor, seed), processor, "<|vision_start|><|image_pad|><|vision_end|>"
    )


def internvl(seed: int = 0) -> Tiny:
    tokenizer = tokenizer_with(
        "<IMG_CONTEXT>", start_image_token="<img>", end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>", video_token="<video>",
    )  # fmt: skip
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **text(tokenizer)},
        vision_config={
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64, "image_size": 48, "patch_size": 6,
            "layer_scale_init_value": 1.0,
        },
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=16,
        tie_word_embeddings=True,
    )  # fmt: skip
    side = {"height": 48, "width": 48}
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=side, max_patches=6, crop_to_patches=True), tokenizer,
        InternVLVideoProcessor(size=side), image_seq_length=16,
        chat_template=TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>").replace("VIDEO", "<video>"),
    )  # fmt: skip
    return Tiny(finish(config, processor, seed), processor, "<IMG_CONTEXT>")


SIGLIP = {
    "model_type": "siglip_vision_model", "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 64, "image_size": 48, "patch_size": 6,
}  # fmt: skip


def llava_onevision(seed: int = 0) -> Tiny:
    tokenizer = tokenizer_with("<image>", "<video>")
    pinpoints = [[48 * rows, 48 * columns] for rows in (1, 2, 3) for columns in (1, 2, 3)]
    config = LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **text(tokenizer)},
        vision_config={**SIGLIP, "vision_use_head": False},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
        tie_word_embeddings=True,
    )
    side = {"height": 48, "width": 48}
    processor = LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessor(size=side, image_grid_pinpoints=pinpoints), tokenizer,
        LlavaOnevisionVideoProcessor(size=side), num_image_tokens=64,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE.replace("IMAGE", "<image>").replace("VIDEO", "<video>"),
    )  # fmt: skip
    return Tiny(finish(config, processor, seed), processor, "<image>")


def smolvlm(seed: int = 0) -> Tiny:
    pytest.importorskip("num2words", reason="SmolVLM's own processor needs num2words")
    tokens = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = tokenizer_with(
        "<image>", "<video>", fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>", end_of_utterance_token="<end_of_utterance>",
    )  # fmt: skip
    tokenizer.add_tokens(tokens, special_tokens=True)
    config = SmolVLMConfig(
        text_config={"model_type": "llama", **text(tokenizer)},
        vision_config={k: v for k, v in SIGLIP.items() if k != "model_type"},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        scale_factor=2,
        tie_word_embeddings=True,
    )
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(size={"longest_edge": 144}, max_image_size={"longest_edge": 48}),
        tokenizer, SmolVLMVideoProcessor(size={"longest_edge": 48}), image_seq_len=16,
        chat_template=TEMPLATE.replace("IMAGE", "<image>").replace("VIDEO", "<video>"),
    )  # fmt: skip
    return Tiny(finish(config, processor, seed), processor, "<image>")


FAMILIES: dict[str, Callable[..., Tiny]] = {
    "qwen3_vl": qwen3_vl, "qwen2_5_vl": qwen2_5_vl, "internvl": internvl,
    "llava_onevision": llava_onevision, "smolvlm": smolvlm,
}  # fmt: skip


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(noise)


def face(x: float, y: float, size: float) -> np.ndarray:
    """68 points of an upright face whose eyes are `size` pixels apart, (68, 2)."""
    from facellm.faces.mean_shape import MEAN_SHAPE

    shape = np.asarray(MEAN_SHAPE, np.float32)
    shape = shape - shape.mean(0)
    eyes = np.linalg.norm(shape[36:42].mean(0) - shape[42:48].mean(0))
    return (shape / eyes * size + np.float32([x, y])).astype(np.float32)


def faces(image: Image.Image, number: int, seed: int = 0) -> np.ndarray:
    """Upright faces somewhere in a picture, (number, 68, 2) pixels."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.25, 0.75, (number, 2)) * image.size
    side = min(image.size)
    scales = rng.uniform(0.1, 0.2, number)
    made = [face(x, y, side * s) for (x, y), s in zip(places, scales, strict=True)]
    return np.array(made, np.float32).reshape(-1, 68, 2)


def open_gate(model: Any, value: float = 1.0) -> None:
    """What training does to the gates."""
    with torch.no_grad():
        for level in model.model.region_encoder.levels:
            level.gate.fill_(value)
