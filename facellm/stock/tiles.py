"""InternVL, LLaVA-OneVision and SmolVLM: pictures cut into square tiles, patches row by row.

A view is a tile, or the picture as a whole squeezed into a square; each gets the landmarks in its
own coordinates, and faces that lie outside it are absent there.
"""

import math
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLModel,
    InternVLProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionModel,
    LlavaOnevisionProcessor,
    PreTrainedConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMModel,
    SmolVLMProcessor,
)
from transformers.image_processing_utils import select_best_resolution
from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas
from transformers.models.llava_onevision.modeling_llava_onevision import image_size_to_num_patches

from facellm.core.errors import FaceLLMError
from facellm.model.vision import ABSENT
from facellm.stock.encoder import FaceRegionConfig, row_major
from facellm.stock.model import (
    IMAGES,
    FaceConfig,
    FaceForConditionalGeneration,
    FaceModel,
    check_views,
    takes_landmarks,
)
from facellm.stock.processing import Box, FaceProcessor, flat

# Shapes: V views of all pictures, N = g * g patches of one, D channels.


class FaceTilesModel(FaceModel):
    """What the three models share."""

    projector: ClassVar[str]
    """The module that takes the patch features."""

    def watch(self) -> None:
        getattr(self, self.projector).register_forward_pre_hook(partial(self._before, 0))

    def guide(self, level: int, features: Tensor) -> Tensor:
        landmarks = check_views(self._showing.landmarks, len(features))
        side = math.isqrt(features.shape[1])
        centres = row_major(side, side)
        features, maps = self.region_encoder(level, features, landmarks, centres, (side, side))
        if maps is None:
            maps = features.new_zeros((*landmarks.shape[:2], 15, side * side))
        self.note(level, maps.detach().float().unflatten(-1, (side, side)))
        return features

    def _features(
        self,
        pixel_values: Tensor,
        *args: Any,
        landmarks: Tensor | None = None,
        image_position_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """`get_image_features` with landmarks (leading dimensions of `pixel_values`, F, 68, 2)."""
        landmarks = image_position_ids if landmarks is None else landmarks
        landmarks = self._given.get("image") if landmarks is None else landmarks
        if landmarks is not None:
            given, seen = tuple(landmarks.shape[:-3]), tuple(pixel_values.shape[:-3])
            if given != seen:
                raise FaceLLMError(
                    f"landmarks are arranged as {given} views but the pixels as {seen}; "
                    "pass the processor's outputs together"
                )
            landmarks = self.real_views(landmarks, pixel_values, *args, **kwargs)
        with self.show(landmarks):
            return super().get_image_features(pixel_values, *args, **kwargs)

    def real_views(self, landmarks: Tensor, pixel_values: Tensor, *_: Any, **__: Any) -> Tensor:
        """Landmarks (V, F, 68, 2) of the views the tower will see: without those that only pad."""
        return landmarks


class FaceTilesProcessor(FaceProcessor):
    """What the three processors share."""

    def __call__(self, images: Any = None, text: Any = None, videos: Any = None, **kwargs: Any):
        if images is not None and videos is not None:
            raise FaceLLMError(
                "pictures and videos in one call cannot both be given to a model with face regions "
                "of this family; call once for each"
            )
        if kwargs.get("landmarks_videos") is not None:
            raise FaceLLMError(
                "this family sees a video as pictures and takes no landmarks_videos; give it the "
                "frames as pictures with landmarks"
            )
        return super().__call__(images=images, text=text, videos=videos, **kwargs)

    def option(self, options: dict[str, Any], name: str) -> Any:
        """An option of this call, or the image processor's own."""
        value = options.get(name)
        return getattr(self.image_processor, name) if value is None else value  # type: ignore[attr-defined]


def canvas(size: tuple[int, int], columns: int, rows: int) -> list[Box]:
    """Tiles of a picture stretched over a canvas, row by row."""
    width, height = size[0] / columns, size[1] / rows
    return [
        Box(column * width, row * height, width, height)
        for row in range(rows)
        for column in range(columns)
    ]


def padded(landmarks: list[Tensor]) -> Tensor:
    """Stacked (len, most, F, 68, 2), the shorter ones filled up with views without faces."""
    most = max(len(one) for one in landmarks)
    out = landmarks[0].new_full((len(landmarks), most, *landmarks[0].shape[1:]), ABSENT)
    for row, one in zip(out, landmarks, strict=True):
        row[: len(one)] = one
    return out


class FaceInternVLConfig(FaceConfig, InternVLConfig):
    model_type = "facellm_internvl"
    sub_configs: ClassVar = {**InternVLConfig.sub_configs, "region_config": FaceRegionConfig}

    region_config: dict | PreTrainedConfig | None = None


class FaceInternVLModel(FaceTilesModel, InternVLModel):
    config_class = FaceInternVLConfig
    get_image_features = takes_landmarks(
        InternVLModel.get_image_features, FaceTilesModel._features, IMAGES
    )

    def watch(self) -> None:
        """Nothing to put in place: patch features pass `pixel_shuffle`, without the class token."""

    def pixel_shuffle(self, vision_features: Tensor, scale_factor: float = 0.5) -> Tensor:
        """The stock model's, of guided features (V, rows, columns, D)."""
        if self._showing is not None:
            shape = vision_features.shape
            vision_features = self.guide(0, vision_features.flatten(1, 2)).reshape(shape)
        return super().pixel_shuffle(vision_features, scale_factor)


class FaceInternVLForConditionalGeneration(
    FaceForConditionalGeneration, InternVLForConditionalGeneration
):
    config_class = FaceInternVLConfig
    inner_class = FaceInternVLModel
    forward = takes_landmarks(InternVLForConditionalGeneration.forward)


class FaceInternVLProcessor(FaceTilesProcessor, InternVLProcessor):
    def view_boxes(
        self, sizes: list[tuple[int, int]], inputs: Any, options: dict[str, Any]
    ) -> list[list[Box]]:
        """The tiles of the canvas, then the whole picture where there are several."""
        limits = [self.option(options, name) for name in ("min_patches", "max_patches")]
        side = self.option(options, "size")
        boxes = []
        for width, height in sizes:
            whole = Box(0, 0, width, height)
            views = [whole]
            if self.option(options, "crop_to_patches"):
                tile = (side["height"], side["width"])
                grid = get_optimal_tiled_canvas((height, width), tile, *limits)
                views = canvas((width, height), *grid)
                views += [whole] if len(views) > 1 else []
            boxes.append(views)
        return boxes


class FaceLlavaOnevisionConfig(FaceConfig, LlavaOnevisionConfig):
    model_type = "facellm_llava_onevision"
    sub_configs: ClassVar = {**LlavaOnevisionConfig.sub_configs, "region_config": FaceRegionConfig}

    region_config: dict | PreTrainedConfig | None = None

    def region_shape(self) -> dict[str, int]:
        """Features of several layers reach the projector side by side."""
        layers = self.vision_feature_layer
        count = 1 if isinstance(layers, int) else len(layers)
        return {"hidden_size": self.vision_config.hidden_size * count}


class FaceLlavaOnevisionModel(FaceTilesModel, LlavaOnevisionModel):
    config_class = FaceLlavaOnevisionConfig
    projector = "multi_modal_projector"
    get_image_features = takes_landmarks(
        LlavaOnevisionModel.get_image_features, FaceTilesModel._features, IMAGES
    )

    def real_views(
        self,
        landmarks: Tensor,
        pixel_values: Tensor,
        image_sizes: Tensor,
        *_: Any,
        batch_num_images: Tensor | None = None,
        **__: Any,
    ) -> Tensor:
        if pixel_values.dim() != 5:
            return landmarks
        numbers = [1] * len(image_sizes) if batch_num_images is None else list(batch_num_images)
        alone = [number == 1 for number in numbers for _ in range(int(number))]
        pinpoints, side = self.config.image_grid_pinpoints, self.config.vision_config.image_size
        counts = [
            image_size_to_num_patches(size, pinpoints, side) if cut else 1
            for size, cut in zip(image_sizes, alone, strict=True)
        ]
        return torch.cat([one[:count] for one, count in zip(landmarks, counts, strict=True)])


class FaceLlavaOnevisionForConditionalGeneration(
    FaceForConditionalGeneration, LlavaOnevisionForConditionalGeneration
):
    config_class = FaceLlavaOnevisionConfig
    inner_class = FaceLlavaOnevisionModel
    forward = takes_landmarks(LlavaOnevisionForConditionalGeneration.forward)


class FaceLlavaOnevisionProcessor(FaceTilesProcessor, LlavaOnevisionProcessor):
    def view_boxes(
        self, sizes: list[tuple[int, int]], inputs: Any, options: dict[str, Any]
    ) -> list[list[Box]]:
        """The whole picture, then tiles of it on a padded canvas; in a group, one padded square."""
        numbers = [int(number) for number in inputs["batch_num_images"]]
        alone = [number == 1 for number in numbers for _ in range(number)]
        pinpoints = self.option(options, "image_grid_pinpoints")
        side = self.option(options, "size")
        tile = side.get("height") or side["shortest_edge"]
        return [
            _anyres(size, pinpoints, tile) if cut else [_square(*size)]
            for size, cut in zip(sizes, alone, strict=True)
        ]

    def arrange(self, landmarks: list[Tensor], inputs: Any, images: Any) -> Tensor:
        return padded(landmarks)


def _square(width: int, height: int) -> Box:
    """A picture padded on both sides to a square."""
    side = max(width, height)
    return Box(-((side - width) // 2), -((side - height) // 2), side, side)


def _anyres(size: tuple[int, int], pinpoints: list[list[int]], tile: int) -> list[Box]:
    """The whole picture, then the tiles of the best of LLaVA's resolutions, row by row."""
    width, height = size
    canvas_height, canvas_width = select_best_resolution((height, width), pinpoints)
    fit = min(canvas_width / width, canvas_height / height)
    # The side that decides fills the canvas exactly; the other one is rounded up, then padded.
    by_width = canvas_width / width < canvas_height / height
    new_width = canvas_width if by_width else min(math.ceil(width * fit), canvas_width)
    new_height = min(math.ceil(height * fit), canvas_height) if by_width else canvas_height
    left, top = (canvas_width - new_width) // 2, (canvas_height - new_height) // 2
    x_unit, y_unit = width / new_width, height / new_height
    return [Box(0, 0, width, height)] + [
        Box((x - left) * x_unit, (y - top) * y_unit, tile * x_unit, tile * y_unit)
        for y in range(0, canvas_height, tile)
        for x in range(0, canvas_width, tile)
    ]


class FaceSmolVLMConfig(FaceConfig, SmolVLMConfig):
    model_type = "facellm_smolvlm"
    sub_configs: ClassVar = {**SmolVLMConfig.sub_configs, "region_config": FaceRegionConfig}

    region_config: dict | PreTrainedConfig | None = None


class FaceSmolVLMModel(FaceTilesModel, SmolVLMModel):
    config_class = FaceSmolVLMConfig
    projector = "connector"
    get_image_features = takes_landmarks(
        SmolVLMModel.get_image_features, FaceTilesModel._features, IMAGES
    )

    def real_views(self, landmarks: Tensor, pixel_values: Tensor, *_: Any, **__: Any) -> Tensor:
        # As the stock model tells padding: all pixels zero, and never nothing at all.
        real = (pixel_values.flatten(0, 1) != 0).flatten(1).any(1)
        real[0] |= ~real.any()
        return landmarks.flatten(0, 1)[real.to(landmarks.device)]


class FaceSmolVLMForConditionalGeneration(
    FaceForConditionalGeneration, SmolVLMForConditionalGeneration
):
    config_class = FaceSmolVLMConfig
    inner_class = FaceSmolVLMModel
    forward = takes_landmarks(SmolVLMForConditionalGeneration.forward)


class FaceSmolVLMProcessor(FaceTilesProcessor, SmolVLMProcessor):
    def view_boxes(
        self, sizes: list[tuple[int, int]], inputs: Any, options: dict[str, Any]
    ) -> list[list[Box]]:
        """The tiles of the canvas, then the whole picture; a small picture only as a whole."""
        boxes = []
        for width, height in sizes:
            _, rows, columns = self.image_processor.get_number_of_image_patches(
                height, width, options
            )
            boxes.append([*canvas((width, height), columns, rows), Box(0, 0, width, height)])
        return boxes

    def arrange(self, landmarks: list[Tensor], inputs: Any, images: Any) -> Tensor:
        """Views of all pictures of a prompt in one row."""
        remaining = iter(landmarks)
        groups = images if isinstance(images[0], list | tuple) else [images]
        rows = [[next(remaining) for _ in flat(group)] for group in groups]
        return padded([torch.cat(row) for row in rows if row])
