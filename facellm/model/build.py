"""Putting a new model together: tower, language model, tokenizer, processor; and the debug size."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CONFIG_MAPPING, PreTrainedTokenizerFast

from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import no_option
from facellm.model.configuration import FaceLLMConfig, FaceVisionConfig
from facellm.model.modeling import FaceLLMForConditionalGeneration
from facellm.model.processing import IMAGE_TOKEN, FaceLLMProcessor
from facellm.model.tower import inner_levels, tower_shape

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['role'] == 'assistant' %}
{%- generation %}
{%- if message['content'] is string %}{{- message['content'] }}
{%- else %}{%- for part in message['content'] %}{{- part.get('text', '') }}{%- endfor %}{%- endif %}
{{- '<|im_end|>' }}
{%- endgeneration %}
{{- '\\n' }}
{%- else %}
{%- if message['content'] is string %}{{- message['content'] }}
{%- else %}
{%- for part in message['content'] %}
{%- if part['type'] in ('image', 'image_url') %}{{- '<|image|>' }}
{%- else %}{{- part['text'] }}{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

MEASURED = (
    "tower", "layer", "image_size", "hidden_size", "grid_size", "inner_layers", "inner_sizes",
)  # fmt: skip
"""Of the vision configuration, what the tower alone decides."""
OLDER_NAMES = ("rope_theta", "rope_scaling", "torch_dtype", "attn_implementation")
"""Options that transformers still takes though its configurations no longer list them."""
DEBUG_TOWER = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
DEBUG_TEXT = {
    "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "intermediate_size": 128,
    "max_position_embeddings": 2048,
}  # fmt: skip


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer learned from texts; any text can be encoded by it.

    Digits stand alone, so that numbers are read and written place by place.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, END, IMAGE_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[START, IMAGE_TOKEN],
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def vision_config(tower: dict[str, Any], layer: int = -1, **options: Any) -> FaceVisionConfig:
    """The vision configuration of an open_clip tower, its shape measured rather than asked for.

    Raises:
        FaceLLMError: an option there is not, or a tower open_clip cannot build.
    """
    known = [name for name in FaceVisionConfig.__annotations__ if name not in MEASURED]
    unknown = [name for name in options if name not in (*known, "inner_layers", "inner_sizes")]
    if unknown:
        raise FaceLLMError(f"model.vision: {no_option(unknown[0], known)}")
    side, channels, grid = tower_shape(tower, layer)
    if options.get("prompt_guided"):
        layers, sizes = inner_levels(tower, layer)
        options = {"inner_layers": layers, "inner_sizes": sizes, **options}
    return FaceVisionConfig(
        tower=tower, layer=layer, image_size=side, hidden_size=channels, grid_size=grid, **options
    )


def build(
    vision: FaceVisionConfig,
    text: dict[str, Any],
    tokenizer: PreTrainedTokenizerFast,
    **images: Any,
) -> tuple[FaceLLMForConditionalGeneration, FaceLLMProcessor]:
    """A new model with random weights, and its processor.

    Args:
        vision: see `vision_config`.
        text: configuration of any causal language model of transformers, with its `model_type`;
            vocabulary size and special tokens are taken from the tokenizer.
        tokenizer: must hold the image token.
        **images: options of the image processor (`views`, `finder`).
    """
    if text.get("model_type") not in CONFIG_MAPPING:
        raise FaceLLMError(f"text model_type {text.get('model_type')!r} is unknown to transformers")
    _check_text(text)
    text_config = CONFIG_MAPPING[text["model_type"]](
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
        **{key: value for key, value in text.items() if key != "model_type"},
    )
    config = FaceLLMConfig(
        vision_config=vision,
        text_config=text_config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
    )
    config.architectures = ["FaceLLMForConditionalGeneration"]
    model = FaceLLMForConditionalGeneration(config)
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    # Servers build the language model by this name.
    text_config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[text["model_type"]]]
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = False
    return model, FaceLLMProcessor.for_model(vision, tokenizer, CHAT_TEMPLATE, **images)


def _check_text(text: dict[str, Any]) -> None:
    """See that a language model has what is set: transformers would keep a typo and its default."""
    kind = CONFIG_MAPPING[text["model_type"]]
    known = {*kind().to_dict(), *kind.attribute_map, *OLDER_NAMES}
    unknown = [name for name in text if name not in known]
    if unknown:
        near = get_close_matches(unknown[0], sorted(known), 1)
        guess = f" (did you mean {near[0]}?)" if near else ""
        raise FaceLLMError(
            f"model.text: {text['model_type']} has no option {given(unknown[0])}{guess}; see its "
            "configuration in transformers"
        )


def debug_checkpoint(folder: Path, seed: int = 0, **options: Any) -> Path:
    """Write a tiny model with random weights for tests: the real classes, in milliseconds.

    Args:
        folder: where model, tokenizer and processor go.
        seed: of the weights.
        **options: of `FaceVisionConfig` (`guidance=False`, …) or the image processor (`views`).
    """
    torch.manual_seed(seed)
    images = {key: options.pop(key) for key in ("views", "finder") if key in options}
    words = ["Describe face 1 in this picture.", '<answer>{"emotion": "happiness"}</answer>']
    vision = vision_config(DEBUG_TOWER, pool=2, region_size=32, **options)
    model, processor = build(vision, DEBUG_TEXT, train_tokenizer(words, 300), **images)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
