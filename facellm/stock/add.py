"""Adding the face-region encoder to a stock model and its processor."""

import copy
from typing import Any, NamedTuple

from facellm.core.errors import FaceLLMError
from facellm.stock import qwen, tiles
from facellm.stock.encoder import FaceRegionConfig


class Family(NamedTuple):
    """The classes that stand in for a stock family's; each is a subclass of the stock one."""

    config: type
    model: type
    processor: type

    @property
    def stock(self) -> str:
        """`model_type` of the stock configuration."""
        return self.config.model_type.removeprefix("facellm_")


FAMILIES = (
    Family(
        qwen.FaceQwen3VLConfig,
        qwen.FaceQwen3VLForConditionalGeneration,
        qwen.FaceQwen3VLProcessor,
    ),
    Family(
        qwen.FaceQwen2_5_VLConfig,
        qwen.FaceQwen2_5_VLForConditionalGeneration,
        qwen.FaceQwen2_5_VLProcessor,
    ),
    Family(
        tiles.FaceInternVLConfig,
        tiles.FaceInternVLForConditionalGeneration,
        tiles.FaceInternVLProcessor,
    ),
    Family(
        tiles.FaceLlavaOnevisionConfig,
        tiles.FaceLlavaOnevisionForConditionalGeneration,
        tiles.FaceLlavaOnevisionProcessor,
    ),
    Family(
        tiles.FaceSmolVLMConfig,
        tiles.FaceSmolVLMForConditionalGeneration,
        tiles.FaceSmolVLMProcessor,
    ),
)


def add_face_regions(
    model: Any, processor: Any, finder: str | None = "builtin", **options: int
) -> tuple[Any, Any]:
    """Give a stock vision-language model a face-region encoder, its answers unchanged so far.

    The model is changed in place: its weights are not copied and it stays an instance of its
    class. The guidance gate starts at 0, so logits and generated tokens are those of the stock
    model, bit for bit, until the region encoder is trained.

    Args:
        model: Qwen3-VL, Qwen2.5-VL, InternVL, LLaVA-OneVision or SmolVLM, as transformers'
            `AutoModelForImageTextToText` loads it.
        processor: its processor; left as it is.
        finder: who looks for faces where no landmarks are given; None: nobody.
        **options: of `FaceRegionConfig` (`max_faces`, `region_size`, `heads`, `head_size`).

    Returns:
        The model, and a processor that also takes and gives landmarks.

    Raises:
        FaceLLMError: another family, or a model that has a region encoder already.
    """
    kind = model.config.model_type
    for family in FAMILIES:
        if kind == family.stock:
            break
    else:
        known = ", ".join(family.stock for family in FAMILIES)
        raise FaceLLMError(f"cannot add face regions to a {kind!r} model; expected one of: {known}")
    config = model.config
    config.__class__ = family.config
    config.region_config = FaceRegionConfig(**config.region_shape(), **options)
    model.__class__ = family.model
    # Remembered from loading; saving would give the weights back their oldest names by it.
    model.__dict__.pop("_weight_conversions", None)
    place = next(iter(model.parameters())).device
    model.add_regions()
    model.model.region_encoder.to(place)
    model.model.region_encoder.train(model.training)
    seeing = copy.copy(processor)
    seeing.__class__ = family.processor
    seeing.finder, seeing.max_faces = finder, config.region_config.max_faces
    return model, seeing
