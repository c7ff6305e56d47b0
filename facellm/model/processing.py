"""The processor: pictures, faces and chat text to model inputs.

picture ─ finder or given landmarks ─► faces ─ views ─► pixel_values, landmarks, num_views
text    ─ each image token repeated as often as its picture has tokens ─► input_ids
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.processing_utils import ProcessorMixin

from facellm.core.errors import FaceLLMError
from facellm.core.regions import N_POINTS
from facellm.model.configuration import FaceVisionConfig, Views
from facellm.model.views import View, cut, plan_views, to_view
from facellm.model.vision import ABSENT, POINT_UNIT

IMAGE_TOKEN = "<|image|>"
Landmarks = NDArray[np.floating] | Sequence[Any] | None


class FaceLLMImageProcessor(BaseImageProcessor):
    """Finds faces where none are given, cuts the views and normalises them."""

    model_input_names = ["pixel_values", "landmarks", "num_views"]  # noqa: RUF012

    def __init__(
        self,
        image_size: int = 112,
        max_faces: int = 8,
        views: Views = "face",
        finder: str = "builtin",
        mean: Sequence[float] = (0.48145466, 0.4578275, 0.40821073),
        std: Sequence[float] = (0.26862954, 0.26130258, 0.27577711),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_size = image_size
        self.max_faces = max_faces
        self.views = views
        self.finder = finder
        self.mean = list(mean)
        self.std = list(std)

    def fetch_images(self, images: Any) -> list[Image.Image]:
        """Pictures as a flat list of RGB images; anything `facellm.faces.load_image` reads."""
        from facellm.faces import load_image

        if isinstance(images, (list, tuple)):
            return [one for item in images for one in self.fetch_images(item)]
        return [load_image(images)]

    def points_of(self, image: Image.Image, landmarks: Landmarks) -> NDArray[np.float32]:
        """The faces of one picture as points (F, 68, 2) in its pixels, at most `max_faces`.

        Given landmarks keep their order; one that is None stands for a person of a clip who is
        away in this frame, and is NaN in what is returned. Found faces run from left to right, the
        largest ones where there are too many.

        Raises:
            FaceLLMError: landmarks of another shape, or more faces given than the model takes.
        """
        if landmarks is None:
            return self._found(image)
        there = [place for place, face in enumerate(landmarks) if face is not None]
        placed = np.full((len(landmarks), N_POINTS, 2), np.nan, np.float32)
        points = np.asarray([landmarks[place] for place in there], np.float32)
        if points.size == 0:
            return placed[len(there) :]
        if points.ndim != 3 or points.shape[1:] != (N_POINTS, 2) or not np.isfinite(points).all():
            raise FaceLLMError(
                f"landmarks have shape {points.shape}; expected (faces, 68, 2) finite pixels"
            )
        if len(placed) > self.max_faces:
            raise FaceLLMError(
                f"landmarks of {len(placed)} faces were given; this model takes {self.max_faces}"
            )
        placed[there] = points
        return placed

    def _found(self, image: Image.Image) -> NDArray[np.float32]:
        from facellm.faces import load_finder

        faces = load_finder(self.finder).find(image)
        if len(faces) > self.max_faces:
            by_size = sorted(faces, key=lambda f: (f.box[2] - f.box[0]) * (f.box[3] - f.box[1]))
            keep = {id(face) for face in by_size[-self.max_faces :]}
            faces = [face for face in faces if id(face) in keep]
        return np.array([f.points for f in faces], np.float32).reshape(-1, N_POINTS, 2)

    def plan(self, image: Image.Image, points: NDArray[np.float32]) -> list[View]:
        """The views of one picture, see `facellm.model.views`."""
        return plan_views(image.width, image.height, points, self.views)

    def __call__(
        self,
        images: Any,
        landmarks: Sequence[Landmarks] | None = None,
        return_tensors: str | None = "pt",
        **kwargs: Any,
    ) -> BatchFeature:
        """Views of all pictures, in order.

        Args:
            images: one picture or a list.
            landmarks: per picture (F, 68, 2) pixels, an empty array for "no face", or None to find.

        Returns:
            `pixel_values` (V, 3, S, S) float32, `landmarks` (V, max_faces, 68, 2) int32 in 1e-4 of
            the view, `num_views` (I,).
        """
        pictures = self.fetch_images(images)
        given = [None] * len(pictures) if landmarks is None else list(landmarks)
        if len(given) != len(pictures):
            raise FaceLLMError(
                f"landmarks were given for {len(given)} pictures but there are {len(pictures)}; "
                "pass one entry a picture, None where the finder should look"
            )
        pixels, slots, counts = [], [], []
        for image, landmark in zip(pictures, given, strict=True):
            points = self.points_of(image, landmark)
            views = self.plan(image, points)
            counts.append(len(views))
            for view in views:
                pixels.append(self._pixels(image, view))
                slots.append(self._slots(points, view))
        return BatchFeature(
            {
                "pixel_values": torch.stack(pixels),
                "landmarks": torch.from_numpy(np.stack(slots)),
                "num_views": torch.tensor(counts),
            }
        )

    def _pixels(self, image: Image.Image, view: View) -> Tensor:
        array = np.asarray(cut(image, view, self.image_size), np.float32) / 255.0
        array = (array - np.float32(self.mean)) / np.float32(self.std)
        return torch.from_numpy(array.transpose(2, 0, 1).copy())

    def _slots(self, points: NDArray[np.float32], view: View) -> NDArray[np.int32]:
        slots = np.full((self.max_faces, N_POINTS, 2), ABSENT, np.int32)
        for face in view.faces:
            units = to_view(points[face], view) / POINT_UNIT
            slots[face] = np.rint(np.clip(units, 1 - abs(ABSENT), abs(ABSENT) - 1))
        return slots


class FaceLLMProcessor(ProcessorMixin):
    """Image processor and tokenizer as one, with the number of tokens each view takes."""

    def __init__(
        self,
        image_processor: FaceLLMImageProcessor | None = None,
        tokenizer: Any = None,
        patch_tokens: int = 49,
        face_tokens: int = 15,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.patch_tokens = patch_tokens
        self.face_tokens = face_tokens
        self.image_token = IMAGE_TOKEN
        self.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    @classmethod
    def for_model(
        cls, config: FaceVisionConfig, tokenizer: Any, chat_template: str, **kwargs: Any
    ) -> "FaceLLMProcessor":
        """The processor whose views and token counts fit a model's vision configuration."""
        images = FaceLLMImageProcessor(config.image_size, config.max_faces, **kwargs)
        return cls(
            images, tokenizer, config.patch_tokens, config.face_tokens, chat_template=chat_template
        )

    def image_token_counts(self, landmarks: Tensor, num_views: Tensor) -> list[int]:
        """How many tokens each picture takes in the prompt, from the image processor's outputs."""
        faces = (landmarks[..., 0, 0] != ABSENT).sum(1)
        per_view = (self.patch_tokens + self.face_tokens * faces).tolist()
        counts, start = [], 0
        for views in num_views.flatten().tolist():
            counts.append(sum(per_view[start : start + views]))
            start += views
        return counts

    def view_boxes(
        self, image: Image.Image, landmarks: Landmarks = None
    ) -> list[tuple[int, int, int, int]]:
        """Pixel boxes of the views of one picture, in the order of its views."""
        points = self.image_processor.points_of(image, landmarks)
        return [view.box for view in self.image_processor.plan(image, points)]

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        landmarks: Sequence[Landmarks] | None = None,
        return_tensors: str | None = "pt",
        **kwargs: Any,
    ) -> BatchFeature:
        """Model inputs for pictures, text or both; see the module's head for what is in them.

        Raises:
            FaceLLMError: another number of image tokens in the text than pictures.
        """
        data: dict[str, Any] = {}
        texts = [text] if isinstance(text, str) else None if text is None else list(text)
        if images is not None:
            data.update(self.image_processor(images, landmarks))
        if texts is not None:
            counts = self.image_token_counts(data["landmarks"], data["num_views"]) if data else []
            for unused in ("return_mm_token_type_ids", "images_kwargs", "videos", "audio"):
                kwargs.pop(unused, None)
            kwargs.update(kwargs.pop("text_kwargs", {}))
            kwargs.setdefault("add_special_tokens", False)
            encoded = self.tokenizer(
                self._expand(texts, counts), return_tensors=return_tensors, **kwargs
            )
            data = {**encoded, **data}
        return BatchFeature(data)

    def _expand(self, texts: list[str], counts: list[int]) -> list[str]:
        slots = sum(text.count(IMAGE_TOKEN) for text in texts)
        if slots != len(counts):
            raise FaceLLMError(
                f"the text holds {slots} image tokens but {len(counts)} pictures were given; "
                f"put one {IMAGE_TOKEN} where each picture belongs"
            )
        remaining = iter(counts)
        expanded = []
        for text in texts:
            head, *tails = text.split(IMAGE_TOKEN)
            expanded.append(head + "".join(IMAGE_TOKEN * next(remaining) + t for t in tails))
        return expanded

    def replace_image_token(self, image_inputs: dict, image_idx: int, **kwargs: Any) -> str:
        """The run of image tokens that stands for one picture; transformers' servers ask for it."""
        counts = self.image_token_counts(image_inputs["landmarks"], image_inputs["num_views"])
        return self.image_token * counts[image_idx]
