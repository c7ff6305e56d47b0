"""Qwen3-VL with face regions inside vLLM: vLLM's own model, and what reaches its mergers guided.

    {"image": picture, "landmarks": …} ─► FaceImageItems ─► FaceQwen3VLProcessor ─► landmarks
    pixels ─► vLLM's tower ─► [guide_packed, as in transformers] ─► mergers ─► vLLM's language model

How a picture comes by its landmarks is as in `serve.vllm_inputs`; a processor with `finder=None`
looks for no faces here either. Videos are the stock model's.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from torch import Tensor, float32, nn
from transformers import BatchFeature
from vllm.config import VllmConfig
from vllm.model_executor.models.qwen3_vl import (
    Qwen3VLDummyInputsBuilder,
    Qwen3VLForConditionalGeneration,
    Qwen3VLMultiModalDataParser,
    Qwen3VLMultiModalProcessor,
    Qwen3VLProcessingInfo,
)
from vllm.model_executor.models.utils import StageMissingLayer, WeightsMapper
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.parse import MultiModalDataItems
from vllm.utils.torch_utils import set_default_torch_dtype

from facellm.core.regions import N_POINTS
from facellm.stock.encoder import FaceRegionEncoder
from facellm.stock.model import Showing
from facellm.stock.qwen import FaceQwen3VLConfig, FaceQwen3VLProcessor, guide_packed
from serve.vllm_inputs import (
    FaceDataParser,
    FaceItem,
    as_landmarks,
    cause_alone,
    landmarks_to_items,
    with_faces,
)

# Shapes: I pictures, P patches of all pictures, D channels, F face slots a picture.


class FaceQwenDataParser(FaceDataParser, Qwen3VLMultiModalDataParser):
    """Reads videos as the stock model does."""

    def _item(self, part: Any) -> FaceItem | None:
        item = super()._item(part)
        if item is None or item.landmarks is not None or not isinstance(item.image, Image.Image):
            return item
        # The processor would read these; the cache must know of them.
        points = item.image.info.get("landmarks")
        return item if points is None else FaceItem(item.image, as_landmarks(points))


class FaceQwen3VLProcessingInfo(Qwen3VLProcessingInfo):
    def get_hf_config(self) -> FaceQwen3VLConfig:
        return self.ctx.get_hf_config(FaceQwen3VLConfig)

    def get_hf_processor(self, **kwargs: object) -> FaceQwen3VLProcessor:
        processor = self.ctx.get_hf_processor(FaceQwen3VLProcessor, **kwargs)
        processor.landmarks_name = "landmarks"  # whatever its trainer needed
        return processor

    def get_data_parser(self) -> FaceQwenDataParser:
        return FaceQwenDataParser(
            self.get_hf_config().vision_config.spatial_merge_size,
            video_needs_metadata=True,
            expected_hidden_size=self._get_expected_hidden_size(),
        )


class FaceQwen3VLDummyInputs(Qwen3VLDummyInputsBuilder):
    """The largest input: the stock model's, each picture with as many faces as the model takes."""

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Mapping[str, Any]
    ) -> dict[str, Any]:
        data = super().get_dummy_mm_data(seq_len, mm_counts, mm_options)
        most = self.info.get_hf_processor().max_faces
        units = np.random.default_rng(0).uniform(0, 1, (most, N_POINTS, 2))
        images = [{"image": one, "landmarks": units * one.size} for one in data["image"]]
        return {**data, "image": images}


class FaceQwen3VLMultiModalProcessor(Qwen3VLMultiModalProcessor):
    def apply(self, inputs: Any, timing_ctx: Any) -> Any:
        return super().apply(landmarks_to_items(inputs), timing_ctx)

    def _apply_hf_processor_main(
        self, mm_items: MultiModalDataItems, hf_kwargs: Mapping[str, object]
    ) -> BatchFeature:
        with cause_alone():
            return super()._apply_hf_processor_main(mm_items, hf_kwargs)

    def _get_hf_mm_inputs(
        self, mm_items: MultiModalDataItems, hf_kwargs: Mapping[str, object]
    ) -> Any:
        inputs = super()._get_hf_mm_inputs(mm_items, hf_kwargs)
        if "images" not in inputs.hf_data:
            return inputs
        processor = self.info.get_hf_processor()
        look = processor.finder is not None
        return inputs._replace(hf_data=with_faces(inputs.hf_data, processor.max_faces, look))

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        stock = super()._get_mm_fields_config(hf_inputs, hf_processor_mm_kwargs)
        return {**stock, "landmarks": MultiModalFieldConfig.batched("image")}


@MULTIMODAL_REGISTRY.register_processor(
    FaceQwen3VLMultiModalProcessor,
    info=FaceQwen3VLProcessingInfo,
    dummy_inputs=FaceQwen3VLDummyInputs,
)
class FaceQwen3VLForVLLM(Qwen3VLForConditionalGeneration):
    """`FaceQwen3VLForConditionalGeneration` for vLLM; adapters act on what stock adapters do."""

    # Pictures spread over processes would leave their landmarks behind.
    supports_encoder_tp_data: ClassVar[bool] = False
    hf_to_vllm_mapper = Qwen3VLForConditionalGeneration.hf_to_vllm_mapper | WeightsMapper(
        orig_to_new_prefix={"model.region_encoder.": "region_encoder."}
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "model") -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        # float32 whatever the model is, as in transformers.
        with set_default_torch_dtype(float32):
            self.region_encoder = FaceRegionEncoder(self.config.region_config)
        self._landmarks: Tensor | None = None
        self._showing: Showing | None = None
        if isinstance(self.visual, StageMissingLayer):
            return
        for level, merger in enumerate([*self.visual.deepstack_merger_list, self.visual.merger]):
            merger.register_forward_pre_hook(partial(self._guide, level))

    def _guide(self, level: int, module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor] | None:
        """Patch features (P, 1, D) on their way into merger `level`."""
        if self._showing is None:
            return None
        merge = self.visual.spatial_merge_size
        features, _ = guide_packed(
            self.region_encoder, level, args[0].squeeze(1), *self._showing, merge
        )
        return (features.unsqueeze(1),)

    def embed_multimodal(self, **kwargs: Any) -> Any:
        """The stock model's, with `landmarks` (I, F, 68, 2) beside the pictures' pixels."""
        self._landmarks = kwargs.pop("landmarks", None)
        return super().embed_multimodal(**kwargs)

    def _process_image_input(self, image_input: Any) -> tuple[Tensor, ...]:
        if self._landmarks is not None:
            self._showing = Showing(self._landmarks, image_input["image_grid_thw"])
        try:
            return super()._process_image_input(image_input)
        finally:
            self._showing = None

    def get_encoder_cudagraph_config(self) -> Any:
        """None of its own: a captured tower would replay without the guidance."""
        return replace(super().get_encoder_cudagraph_config(), modalities=[])
