"""Qwen3-VL and Qwen2.5-VL: pictures and frames at their own size, patches in merge order.

Patches arrive block by block (2 × 2 patches become one token), in Qwen2.5-VL window by window
besides. A view is a picture, or a temporal patch (two frames) of a video. Qwen3-VL's DeepStack
mergers take features of inner blocks: each has its own level of the region encoder.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import (
    BatchFeature,
    PreTrainedConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLModel,
    Qwen2_5_VLProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLModel,
    Qwen3VLProcessor,
)
from transformers.video_utils import get_video_size, make_batched_videos
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

from facellm.core.errors import FaceLLMError
from facellm.model.processing import Landmarks
from facellm.stock.clips import video_landmarks
from facellm.stock.encoder import FaceRegionConfig, FaceRegionEncoder
from facellm.stock.model import (
    FaceConfig,
    FaceForConditionalGeneration,
    FaceModel,
    check_views,
    takes_landmarks,
)
from facellm.stock.processing import Box, FaceProcessor

# Shapes: P patches of all pictures, D channels, T temporal patches of one, N = h * w patches of it.


def guide_packed(
    encoder: FaceRegionEncoder,
    level: int,
    features_PD: Tensor,
    landmarks: Tensor,
    grid_I3: Tensor,
    merge: int,
    window: tuple[int, int] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Guide the packed patch features of pictures and clips of unequal size, one after the other.

    Args:
        encoder: the region encoder.
        level: which merger takes the features.
        features_PD: all patches of all pictures, in the tower's order.
        landmarks: int32 (views, F, 68, 2); a picture is one view, a clip `t` views.
        grid_I3: frames, rows and columns of patches of each picture.
        merge: patches along one side of a merged block.
        window: window size and patch size in pixels, where windows come before blocks.

    Returns:
        Guided features (P, D), and the read-out attention of each picture, (t, F, 15, h, w).
    """
    grids = grid_I3.tolist()
    landmarks = check_views(landmarks, sum(t for t, _, _ in grids))
    parts, maps, start, view = [], [], 0, 0
    for t, h, w in grids:
        cells_N2 = patch_cells(h, w, merge, window)  # row, column
        part = features_PD[start : start + t * h * w].unflatten(0, (t, h * w))
        faces = landmarks[view : view + t]
        guided, attention = encoder(level, part, faces, cells_N2.flip(1).float() + 0.5, (w, h))
        parts.append(guided.flatten(0, 1))
        seen = guided.new_zeros((*faces.shape[:2], 15, h * w), dtype=torch.float32)
        if attention is not None:
            seen[..., cells_N2[:, 0] * w + cells_N2[:, 1]] = attention.detach().float()
        maps.append(seen.unflatten(-1, (h, w)))
        start, view = start + t * h * w, view + t
    return torch.cat(parts), maps


def patch_cells(h: int, w: int, merge: int, window: tuple[int, int] | None = None) -> Tensor:
    """Row and column (N, 2) of each patch of one frame, in the order the tower keeps them."""
    grid = torch.tensor([[1, h, w]])
    cells = get_vision_position_ids(grid, merge)
    if window is None:
        return cells
    order, _ = get_vision_window_index(grid, merge, *window)
    return cells.unflatten(0, (-1, merge * merge))[order].flatten(0, 1)


class FaceQwenModel(FaceModel):
    """What both models share."""

    def _mergers(self) -> list[Any]:
        return [*getattr(self.visual, "deepstack_merger_list", []), self.visual.merger]

    def watch(self) -> None:
        for level, merger in enumerate(self._mergers()):
            merger.register_forward_pre_hook(partial(self._before, level))

    def guide(self, level: int, features: Tensor) -> Tensor:
        vision = self.config.vision_config
        window = getattr(vision, "window_size", None)
        features, maps = guide_packed(
            self.region_encoder,
            level,
            features,
            self._showing.landmarks,
            self._showing.grid,
            vision.spatial_merge_size,
            None if window is None else (window, vision.patch_size),
        )
        for one in maps:
            self.note(level, one)
        return features

    def get_image_features(
        self,
        pixel_values: Tensor,
        image_grid_thw: Tensor | None = None,
        landmarks: Tensor | None = None,
        image_position_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The stock model's, with landmarks (images, F, 68, 2)."""
        landmarks = image_position_ids if landmarks is None else landmarks
        with self.show(landmarks, image_grid_thw):
            return super().get_image_features(pixel_values, image_grid_thw, **kwargs)

    def get_video_features(
        self,
        pixel_values_videos: Tensor,
        video_grid_thw: Tensor | None = None,
        landmarks_videos: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The stock model's, with landmarks (temporal patches of all videos, F, 68, 2)."""
        with self.show(landmarks_videos, video_grid_thw, "video"):
            return super().get_video_features(pixel_values_videos, video_grid_thw, **kwargs)


class FaceQwenProcessor(FaceProcessor):
    """A picture is one view, and so is a temporal patch of a video."""

    def view_boxes(self, sizes: list[tuple[int, int]], *_: Any) -> list[list[Box]]:
        return [[Box(0, 0, width, height)] for width, height in sizes]

    def __call__(
        self,
        images: Any = None,
        text: Any = None,
        videos: Any = None,
        landmarks: Sequence[Landmarks] | None = None,
        landmarks_videos: Sequence[Sequence[Landmarks]] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """As for pictures; with `landmarks_videos` also those of every temporal patch.

        Args:
            images, text, videos, landmarks, **kwargs: see `FaceProcessor`.
            landmarks_videos: of each video, of each of its frames (all, or those that are sampled),
                of each person: 68 points in pixels of the frame, None who is away. A person keeps
                the place over all frames. Nobody looks for faces in videos: without landmarks a
                video is seen as the stock model sees it; `facellm.stock.clips` follows people.

        Raises:
            FaceLLMError: as for pictures, and landmarks of another number of videos or frames.
        """
        shown = {"images": images, "text": text, "videos": videos, "landmarks": landmarks}
        if landmarks_videos is None:
            return super().__call__(**shown, **kwargs)
        if videos is None:
            raise FaceLLMError("landmarks_videos were given without videos; pass videos too")
        asked = kwargs.pop("return_metadata", False)
        inputs = super().__call__(**shown, return_metadata=True, **kwargs)
        metadata = inputs["video_metadata"]
        if not asked:
            inputs.pop("video_metadata")
        inputs["landmarks_videos"] = video_landmarks(
            landmarks_videos,
            metadata,
            [_frame_size(*one) for one in zip(metadata, make_batched_videos(videos), strict=True)],
            torch.as_tensor(inputs["video_grid_thw"]),
            self.video_processor.temporal_patch_size,  # type: ignore[attr-defined]
            lambda faces: self.points_of(None, [] if faces is None else faces),
            self.max_faces,
        )
        return inputs


def _frame_size(metadata: Any, video: Any) -> tuple[int, int]:
    """Width and height of a video's frames."""
    if metadata["width"] and metadata["height"]:
        return int(metadata["width"]), int(metadata["height"])
    if isinstance(video, str):
        raise FaceLLMError(
            "the size of the video's frames is not known; name width and height in video_metadata"
        )
    height, width = get_video_size(video)
    return width, height


class FaceQwen3VLConfig(FaceConfig, Qwen3VLConfig):
    model_type = "facellm_qwen3_vl"
    sub_configs: ClassVar = {**Qwen3VLConfig.sub_configs, "region_config": FaceRegionConfig}

    region_config: dict | PreTrainedConfig | None = None

    def region_shape(self) -> dict[str, int]:
        levels = len(self.vision_config.deepstack_visual_indexes) + 1
        return {**super().region_shape(), "levels": levels}


class FaceQwen3VLModel(FaceQwenModel, Qwen3VLModel):
    config_class = FaceQwen3VLConfig


class FaceQwen3VLForConditionalGeneration(
    FaceForConditionalGeneration, Qwen3VLForConditionalGeneration
):
    config_class = FaceQwen3VLConfig
    inner_class = FaceQwen3VLModel
    forward = takes_landmarks(Qwen3VLForConditionalGeneration.forward)


class FaceQwen3VLProcessor(FaceQwenProcessor, Qwen3VLProcessor):
    pass


class FaceQwen2_5_VLConfig(FaceConfig, Qwen2_5_VLConfig):
    model_type = "facellm_qwen2_5_vl"
    sub_configs: ClassVar = {**Qwen2_5_VLConfig.sub_configs, "region_config": FaceRegionConfig}

    region_config: dict | PreTrainedConfig | None = None


class FaceQwen2_5_VLModel(FaceQwenModel, Qwen2_5_VLModel):
    config_class = FaceQwen2_5_VLConfig


class FaceQwen2_5_VLForConditionalGeneration(
    FaceForConditionalGeneration, Qwen2_5_VLForConditionalGeneration
):
    config_class = FaceQwen2_5_VLConfig
    inner_class = FaceQwen2_5_VLModel
    forward = takes_landmarks(Qwen2_5_VLForConditionalGeneration.forward)


class FaceQwen2_5_VLProcessor(FaceQwenProcessor, Qwen2_5_VLProcessor):
    pass
