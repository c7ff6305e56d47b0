"""A stock processor that also says where the faces are.

pictures ─► stock processor, unchanged ─► input_ids, pixel_values, …
         └► given landmarks, `image.info["landmarks"]`, or the finder ─► landmarks of every view
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_utils import get_image_size

from facellm.core.errors import FaceLLMError
from facellm.core.regions import N_POINTS
from facellm.model.processing import FaceLLMImageProcessor, Landmarks
from facellm.model.vision import ABSENT, POINT_UNIT

OPTIONS = ("max_faces", "finder", "landmarks_name")


class Box(NamedTuple):
    """What of a picture one view of the tower shows, in the picture's pixels; may reach outside."""

    x: float
    y: float
    width: float
    height: float


class FaceProcessor:
    """Mixin of a stock processor; everything but the landmarks is left to the stock class."""

    max_faces: int = 8
    finder: str | None = "builtin"
    """Who looks for faces where no landmarks are given; None: nobody."""
    landmarks_name: str = "landmarks"
    """Under which name landmarks leave; `image_position_ids` where a trainer drops others (TRL)."""

    def view_boxes(
        self, sizes: list[tuple[int, int]], inputs: Any, options: dict[str, Any]
    ) -> list[list[Box]]:
        """The views of each picture, in the order the tower sees them.

        Args:
            sizes: width and height of each picture.
            inputs: what the stock processor returned.
            options: the image processor's options of this call.
        """
        raise NotImplementedError

    def arrange(self, landmarks: list[Tensor], inputs: Any, images: Any) -> Tensor:
        """Landmarks of each picture (views, F, 68, 2) as one tensor, arranged like the pixels."""
        return torch.cat(landmarks)

    def __call__(
        self,
        images: Any = None,
        text: Any = None,
        videos: Any = None,
        landmarks: Sequence[Landmarks] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """The stock processor's outputs and, with pictures, `landmarks`.

        Args:
            images, text, videos, **kwargs: as the stock processor takes them.
            landmarks: per picture, in reading order over the whole batch, (F, 68, 2) pixels, an
                empty array for "no face", or None to take `image.info["landmarks"]` or look.

        Raises:
            FaceLLMError: landmarks of another shape, number of pictures or more faces than
                `max_faces`; landmarks beside a video that the family sees as pictures.
        """
        if images is None:
            if landmarks:
                raise FaceLLMError("landmarks were given without pictures; pass images too")
            return super().__call__(text=text, videos=videos, **kwargs)  # type: ignore[misc]
        images = self.image_processor.fetch_images(images)  # type: ignore[attr-defined]
        inputs = super().__call__(images=images, text=text, videos=videos, **kwargs)  # type: ignore[misc]
        inputs[self.landmarks_name] = self._landmarks(images, landmarks, inputs, kwargs)
        return inputs

    def _landmarks(self, images: Any, given: Any, inputs: Any, kwargs: dict[str, Any]) -> Tensor:
        pictures = list(flat(images))
        given = [None] * len(pictures) if given is None else list(given)
        if len(given) != len(pictures):
            raise FaceLLMError(
                f"landmarks were given for {len(given)} pictures but there are {len(pictures)}; "
                "pass one entry a picture, None where the finder should look"
            )
        sizes = [_size(picture) for picture in pictures]
        points = [self.points_of(*pair) for pair in zip(pictures, given, strict=True)]
        boxes = self.view_boxes(sizes, inputs, self._image_options(kwargs))
        slots = [
            torch.from_numpy(np.stack([fixed_point(p, box, self.max_faces) for box in views]))
            for p, views in zip(points, boxes, strict=True)
        ]
        return self.arrange(slots, inputs, images)

    def points_of(self, image: Any, landmarks: Landmarks) -> NDArray[np.float32]:
        """The faces of one picture as points (F, 68, 2) in its pixels."""
        if landmarks is None:
            landmarks = getattr(image, "info", {}).get("landmarks")
        if landmarks is None:
            if self.finder is None:
                return np.zeros((0, N_POINTS, 2), np.float32)
            if not isinstance(image, Image.Image):
                raise FaceLLMError(
                    f"faces are looked for in Pillow images, not in {type(image).__name__}; "
                    "give landmarks, an empty array where there is no face"
                )
            # The stock processor ignores orientation tags, so the finder must not see them.
            image = Image.fromarray(np.asarray(image.convert("RGB")))
        ours = FaceLLMImageProcessor(max_faces=self.max_faces, finder=self.finder or "builtin")
        return ours.points_of(image, landmarks)

    def _image_options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        merged = self._merge_kwargs(  # type: ignore[attr-defined]
            self.valid_processor_kwargs,  # type: ignore[attr-defined]
            tokenizer_init_kwargs=self.tokenizer.init_kwargs,  # type: ignore[attr-defined]
            **kwargs,
        )
        return merged["images_kwargs"]

    def to_dict(self) -> dict[str, Any]:
        options = {name: getattr(self, name) for name in OPTIONS}
        return {**super().to_dict(), **options}  # type: ignore[misc]

    @classmethod
    def from_args_and_dict(cls, args: Any, processor_dict: dict[str, Any], **kwargs: Any) -> Any:
        named = {**processor_dict, **kwargs}
        rest = {k: v for k, v in processor_dict.items() if k not in OPTIONS}
        kwargs = {k: v for k, v in kwargs.items() if k not in OPTIONS}
        made = super().from_args_and_dict(args, rest, **kwargs)  # type: ignore[misc]
        processor = made[0] if isinstance(made, tuple) else made
        for name in OPTIONS:
            if name in named:
                setattr(processor, name, named[name])
        return made


def fixed_point(points: NDArray[np.float32], box: Box, max_faces: int) -> NDArray[np.int32]:
    """Points (F, 68, 2) in pixels as (max_faces, 68, 2) in 1e-4 of the view.

    A face none of which lies in the view is absent there.
    """
    slots = np.full((max_faces, N_POINTS, 2), ABSENT, np.int32)
    for index, face in enumerate(points):
        units = (face - np.float32([box.x, box.y])) / np.float32([box.width, box.height])
        if (units.max(0) > 0).all() and (units.min(0) < 1).all():
            limit = abs(ABSENT) - 1
            slots[index] = np.rint(np.clip(units / POINT_UNIT, -limit, limit))
    return slots


def flat(images: Any) -> Iterator[Any]:
    """The pictures of a nested list, in order."""
    if isinstance(images, list | tuple):
        for item in images:
            yield from flat(item)
    else:
        yield images


def _size(image: Any) -> tuple[int, int]:
    """Width and height of a picture."""
    if isinstance(image, Image.Image):
        return image.size
    height, width = get_image_size(np.asarray(image))
    return width, height
