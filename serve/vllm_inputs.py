"""From a picture (with or without landmarks) to what the model takes, inside vLLM.

    {"image": picture, "landmarks": (F, 68, 2) pixels or None} ─► FaceImageItems ─► our processor
                                                               └► cache key: picture + landmarks

Landmarks belong to the picture, not to the request: then several pictures and partial cache hits
work without special cases. A request's `mm_processor_kwargs={"landmarks": [...]}`
is turned into the same items. Without landmarks the finder looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import BatchFeature
from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems
from vllm.multimodal.parse import ImageProcessorItems, MultiModalDataItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
)

from facellm.core.errors import FaceLLMError
from facellm.core.regions import N_POINTS
from facellm.model import FaceLLMConfig, FaceLLMProcessor
from facellm.prompts import landmarks_of, largest
from serve.finder import server_finder

NO_PICTURE = "a picture is named by an id alone; send the picture, its id (uuid) is not used"


class FaceItem(NamedTuple):
    """One picture of a prompt and the faces given for it."""

    image: Any
    """Pillow image, bare or in vLLM's wrapper that keeps its encoded bytes for the cache key."""
    landmarks: NDArray[np.float32] | None
    """(F, 68, 2) pixels, NaN for a person of a clip who is away; None: look for faces."""


class FaceImageItems(ImageProcessorItems):
    """Pictures that may carry landmarks."""

    def __init__(self, items: Sequence[FaceItem | None]) -> None:
        super().__init__([None if item is None else item.image for item in items])
        self.landmarks = [None if item is None else item.landmarks for item in items]

    def get(self, index: int) -> Any:
        """The item in a form the parser reads again: vLLM re-parses what its cache misses."""
        if self.data[index] is None:
            return None
        return {"image": self.data[index], "landmarks": _faces(self.landmarks[index])}

    def get_item_for_hash(self, index: int) -> Any:
        if self.landmarks[index] is None:
            return self.data[index]
        return {"image": self.data[index], "landmarks": self.landmarks[index]}

    def get_processor_data(self) -> Mapping[str, object]:
        images = [self._unwrap(image) for image in self.data]
        return {"images": images, "landmarks": [_faces(points) for points in self.landmarks]}

    def get_image_size(self, item_idx: int) -> Any:
        return ImageProcessorItems(self.data).get_image_size(item_idx)


class FaceDataParser(MultiModalDataParser):
    """Reads pictures and `{"image": …, "landmarks": …}`."""

    def _parse_image_data(self, data: Any) -> FaceImageItems | None:
        if data is None:
            return None
        parts = data if isinstance(data, list | tuple) else [data]
        return FaceImageItems([self._item(part) for part in parts])

    def _item(self, part: Any) -> FaceItem | None:
        if part is None:  # a cached picture named by its id alone
            return None
        image, landmarks = part, None
        if isinstance(part, Mapping):
            image, landmarks = part.get("image"), part.get("landmarks")
        parsed = super()._parse_image_data([image])
        if not isinstance(parsed, ImageProcessorItems):
            raise FaceLLMError("an image item must hold a picture; embeddings are not taken")
        return FaceItem(parsed.data[0], None if landmarks is None else as_landmarks(landmarks))


def as_landmarks(value: Any) -> NDArray[np.float32]:
    """Landmarks of one picture as float32 (F, 68, 2), NaN where None stands for a face.

    Raises:
        FaceLLMError: another shape or values that are not finite. Checked here because vLLM's own
            message would repeat the whole input to the client.
    """
    try:
        away = [place for place, face in enumerate(value) if face is None]
        points = np.asarray([face for face in value if face is not None], np.float32)
    except (TypeError, ValueError):
        raise FaceLLMError("landmarks are not numbers; expected (faces, 68, 2) pixels") from None
    if points.size == 0:
        return np.full((len(away), N_POINTS, 2), np.nan, np.float32)
    if points.ndim != 3 or points.shape[1:] != (N_POINTS, 2):
        raise FaceLLMError(f"landmarks have shape {points.shape}; expected (faces, 68, 2) pixels")
    if not np.isfinite(points).all():
        raise FaceLLMError("landmarks hold NaN or infinite values; expected finite pixels")
    placed = np.full((len(points) + len(away), *points.shape[1:]), np.nan, np.float32)
    placed[[place for place in range(len(placed)) if place not in away]] = points
    return placed


def _faces(landmarks: NDArray[np.float32] | None) -> Sequence[Any] | None:
    """As our processor takes them: None for who is away."""
    if landmarks is None:
        return None
    return [None if np.isnan(face).any() else face for face in landmarks]


class FaceProcessingInfo(BaseProcessingInfo):
    def get_hf_config(self) -> FaceLLMConfig:
        return self.ctx.get_hf_config(FaceLLMConfig)

    def get_hf_processor(self, **kwargs: object) -> FaceLLMProcessor:
        return self.ctx.get_hf_processor(FaceLLMProcessor, **kwargs)

    def get_supported_mm_processor_kwargs(self) -> dict[str, set[str]]:
        return {"text_kwargs": set(), "images_kwargs": set()}

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        return {"image": None}

    def get_data_parser(self) -> FaceDataParser:
        return FaceDataParser(expected_hidden_size=self._get_expected_hidden_size())

    def get_mm_max_tokens_per_item(
        self, seq_len: int, mm_counts: Mapping[str, int]
    ) -> Mapping[str, int]:
        vision, processor = self.get_hf_config().vision_config, self.get_hf_processor()
        views = vision.max_faces if processor.image_processor.views == "face" else 1
        return {"image": views * vision.patch_tokens + vision.max_faces * vision.face_tokens}


class FaceDummyInputs(BaseDummyInputsBuilder[FaceProcessingInfo]):
    """The largest input: one picture with as many faces as the model takes."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        return self.info.get_hf_processor().image_token * mm_counts.get("image", 0)

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Mapping[str, Any]
    ) -> dict[str, Any]:
        vision = self.info.get_hf_config().vision_config
        size = vision.image_size
        faces = np.random.default_rng(0).uniform(0, size, (vision.max_faces, N_POINTS, 2))
        item = {"image": Image.new("RGB", (size, size)), "landmarks": faces}
        return {"image": [item] * mm_counts.get("image", 0)}


class FaceMultiModalProcessor(BaseMultiModalProcessor[FaceProcessingInfo]):
    def apply(self, inputs: Any, timing_ctx: Any) -> Any:
        return super().apply(landmarks_to_items(inputs), timing_ctx)

    def _call_hf_processor(
        self, hf_data: Mapping[str, object], hf_kwargs: Mapping[str, object]
    ) -> BatchFeature:
        most = self.info.get_hf_config().vision_config.max_faces
        with cause_alone():
            return super()._call_hf_processor(with_faces(hf_data, most), hf_kwargs)

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        views = hf_inputs["num_views"] if "num_views" in hf_inputs else np.zeros(0, int)
        return {
            "pixel_values": MultiModalFieldConfig.flat_from_sizes("image", views),
            "landmarks": MultiModalFieldConfig.flat_from_sizes("image", views),
            "num_views": MultiModalFieldConfig.batched("image"),
        }

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptReplacement]:
        processor = self.info.get_hf_processor()
        token = processor.image_token_id

        def tokens(index: int) -> list[int]:
            item = out_mm_kwargs["image"][index].get_data()
            [count] = processor.image_token_counts(item["landmarks"], item["num_views"])
            return [token] * count

        return [PromptReplacement(modality="image", target=[token], replacement=tokens)]


@contextmanager
def cause_alone() -> Iterator[None]:
    """vLLM wraps what a processor raises in a message that repeats picture and landmarks."""
    try:
        yield
    except ValueError as error:
        raise FaceLLMError(str(error.__cause__ or error)) from None


def with_faces(hf_data: Mapping[str, Any], most: int, look: bool = True) -> dict[str, Any]:
    """Find the faces of the pictures that came without, with the server's finder; or give none."""

    def found(image: Any) -> NDArray[np.float32]:
        return landmarks_of(largest(server_finder().find(image), most) if look else [])

    pairs = zip(hf_data["images"], hf_data["landmarks"], strict=True)
    landmarks = [found(image) if points is None else points for image, points in pairs]
    return {**hf_data, "landmarks": landmarks}


def landmarks_to_items(inputs: Any) -> Any:
    """Move landmarks from the request's processor options to its pictures, and forget ids that a
    client gave them: under a common one (`img-1`), one person's picture would answer for another's.

    Raises:
        FaceLLMError: another number of entries than pictures, or an id in place of a picture.
    """
    kwargs = dict(inputs.hf_processor_mm_kwargs)
    landmarks = kwargs.pop("landmarks", None)
    items = inputs.mm_data_items.get("image")
    if not isinstance(items, FaceImageItems):
        if "image" in (inputs.mm_uuid_items or {}):
            raise FaceLLMError(NO_PICTURE)
        return inputs
    if any(item is None for item in items.data):
        raise FaceLLMError(NO_PICTURE)
    if landmarks is not None:
        if not isinstance(landmarks, list | tuple) or len(landmarks) != len(items):
            raise FaceLLMError(
                f"landmarks must be a list with one entry for each of the {len(items)} pictures"
            )
        given = [None if one is None else as_landmarks(one) for one in landmarks]
        pairs = zip(items.data, given, strict=True)
        items = FaceImageItems([FaceItem(image, points) for image, points in pairs])
    return replace(
        inputs,
        mm_data_items=MultiModalDataItems({**inputs.mm_data_items, "image": items}),
        mm_uuid_items={n: ids for n, ids in (inputs.mm_uuid_items or {}).items() if n != "image"},
        hf_processor_mm_kwargs=kwargs,
    )
