"""The model inside vLLM: the same vision code as in transformers before vLLM's language model."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import SupportsLoRA, SupportsMultiModal
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.platforms import current_platform

from facellm.checkpoint import NEEDS_THE_QUESTION
from facellm.core.errors import FaceLLMError
from facellm.model.processing import IMAGE_TOKEN
from facellm.model.vision import FaceVision
from serve.vllm_inputs import FaceDummyInputs, FaceMultiModalProcessor, FaceProcessingInfo

VIEWS_ON_CPU = 16
"""Seen at once: more do not fit into a core's cache, and cost a third more time each."""


@MULTIMODAL_REGISTRY.register_processor(
    FaceMultiModalProcessor, info=FaceProcessingInfo, dummy_inputs=FaceDummyInputs
)
class FaceLLMForVLLM(nn.Module, SupportsMultiModal, SupportsLoRA):
    """`FaceLLMForConditionalGeneration` for vLLM; adapters act on the language model."""

    packed_modules_mapping: ClassVar[dict[str, list[str]]] = {
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],
        "gate_up_proj": ["gate_proj", "up_proj"],
    }
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.language_model.": "language_model.model.",
            "lm_head.": "language_model.lm_head.",
            "model.vision.": "vision.",
        }
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        if config.vision_config.prompt_guided:
            raise FaceLLMError(NEEDS_THE_QUESTION)
        self.config = config
        self.configure_mm_token_handling(config.text_config.vocab_size, [config.image_token_id])
        with self._mark_tower_model(vllm_config, "image"):
            self.vision = FaceVision(config.vision_config, config.text_config.hidden_size)
            if current_platform.is_cpu():
                self.vision.to(memory_format=torch.channels_last)  # else convolutions reorder
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        if modality == "image":
            return IMAGE_TOKEN
        raise ValueError(f"{modality} is not supported; send pictures")

    def embed_multimodal(self, **kwargs: Any) -> list[Tensor]:
        """One (n, L) tensor a picture; see `FaceVision` for the inputs."""
        pixels = kwargs.get("pixel_values")
        if pixels is None:
            return []
        pixels = pixels.to(next(self.vision.parameters()).dtype)
        remaining = iter(self._views(pixels, kwargs["landmarks"]))
        counts = torch.as_tensor(kwargs["num_views"]).flatten().tolist()
        return [torch.cat([next(remaining) for _ in range(count)]) for count in counts]

    def _views(self, pixels: Tensor, landmarks: Tensor) -> list[Tensor]:
        if pixels.device.type != "cpu":
            return self.vision(pixels, landmarks)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        pairs = zip(pixels.split(VIEWS_ON_CPU), landmarks.split(VIEWS_ON_CPU), strict=True)
        return [view for pair in pairs for view in self.vision(*pair)]

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model.model(
            input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds
        )

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        return self.language_model.compute_logits(hidden_states)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        return AutoWeightsLoader(self).load_weights(weights, mapper=self.hf_to_vllm_mapper)

    def get_mm_mapping(self) -> MultiModelKeys:
        return MultiModelKeys.from_string_field(
            language_model="language_model",
            connector="vision.projector",
            tower_model="vision.vision_tower",
        )
