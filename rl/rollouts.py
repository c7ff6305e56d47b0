"""Pictures and landmarks on their way through TRL, which knows nothing of landmarks.

TRL hands three places a prompt's tensors: generation, old and reference log-probabilities, and the
loss. The last one only sees tensors whose names TRL knows; any other is dropped without a word, and
the model would learn to answer for a face it is not shown. Landmarks therefore travel as
`image_position_ids`, one of the names that TRL slices, shuffles and splits with the pictures. It
does so by picture, so a picture's views are packed into one row:

    pixel_values (V, 3, S, S), landmarks (V, F, 68, 2), num_views (I,)
      ⇄ pixel_values (I, W, 3, S, S), image_position_ids (I, W, F, 68, 2)

with W the most views of any picture; rows of landmarks without a view hold `NO_VIEW`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BatchFeature

from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMProcessor
from facellm.model.vision import ABSENT
from rl.prompts import LANDMARKS

ALIAS = "image_position_ids"
NO_VIEW = ABSENT - 1


def pack(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The processor's outputs with one row a picture, as TRL carries them."""
    rest = {k: v for k, v in inputs.items() if k not in ("landmarks", "num_views")}
    counts = inputs["num_views"].tolist()
    pixels = inputs["pixel_values"].split(counts)
    landmarks = inputs["landmarks"].split(counts)
    return rest | {
        "pixel_values": pad_sequence(list(pixels), batch_first=True),
        ALIAS: pad_sequence(list(landmarks), batch_first=True, padding_value=NO_VIEW),
    }


def unpack(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `pack`: what the model takes."""
    if inputs.get(ALIAS) is None:
        return {k: v for k, v in inputs.items() if k != ALIAS}
    packed: Tensor = inputs[ALIAS]
    seen = packed[..., 0, 0, 0] != NO_VIEW  # (I, W)
    rest = {k: v for k, v in inputs.items() if k != ALIAS}
    return rest | {
        "pixel_values": inputs["pixel_values"][seen],
        "landmarks": packed[seen],
        "num_views": seen.sum(1),
    }


class RolloutProcessor(FaceLLMProcessor):
    """A model's processor as TRL calls it: landmarks come from the pictures, and go out packed."""

    @classmethod
    def around(cls, plain: FaceLLMProcessor) -> "RolloutProcessor":
        """The same processor, called so; `plain` is what is saved."""
        made = cls(
            plain.image_processor,
            plain.tokenizer,
            plain.patch_tokens,
            plain.face_tokens,
            plain.chat_template,
        )
        made.plain = plain
        return made

    def __call__(  # type: ignore[override]
        self, images: Any = None, text: Any = None, padding: bool = False, **kwargs: Any
    ) -> BatchFeature:
        """Model inputs; ids as lists where they are not padded.

        Raises:
            FaceLLMError: a picture that does not carry its landmarks.
        """
        pictures = _flat(images)
        bare = [image for image in pictures if LANDMARKS not in image.info]
        if bare:
            raise FaceLLMError(
                "a prompt's picture carries no landmarks; make rows with rl.prompts.with_landmarks"
            )
        landmarks = [image.info[LANDMARKS] for image in pictures]
        texts = [text] if isinstance(text, str) else list(text)
        inputs = self.image_processor(pictures, landmarks)
        counts = self.image_token_counts(inputs["landmarks"], inputs["num_views"])
        ids = self.tokenizer(
            self._expand(texts, counts),
            add_special_tokens=False,
            padding=padding,
            padding_side="left",
            return_tensors="pt" if padding else None,
            return_token_type_ids=False,
        )
        return BatchFeature({**ids, **pack(inputs)})

    def save_pretrained(self, *args: Any, **kwargs: Any) -> Any:
        """Save the plain processor: what is served knows nothing of how it was trained."""
        return self.plain.save_pretrained(*args, **kwargs)


def _flat(images: Any) -> list[Any]:
    if isinstance(images, list | tuple):
        return [one for item in images for one in _flat(item)]
    return [] if images is None else [images]
