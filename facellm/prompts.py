"""What a language model is asked and what it answers, whichever engine runs it. No torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.regions import N_POINTS
from facellm.core.sample import Face
from facellm.faces.clips import told

MAX_TOKENS = 320
"""Of one answer: the longest that training shows has half of it."""


class Tokenizer(Protocol):
    """The part of a tokenizer that is used here."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]: ...


Landmarks = NDArray[np.float32] | Sequence[Any]


@dataclass(frozen=True)
class Request:
    """One question about one picture."""

    image: Image.Image
    """RGB."""
    landmarks: Landmarks
    """(F, 68, 2) pixels of the faces the model shall see; F = 0 shows the picture as a whole. In a
    frame of a clip, None in the place of a person who is away."""
    question: str
    prefill: tuple[int, ...] = ()
    """Tokens the answer begins with; the model continues them."""
    choices: tuple[int, ...] = ()
    """If not empty, nothing is generated: how likely each of these tokens comes next."""
    max_tokens: int = MAX_TOKENS
    more: tuple[tuple[Image.Image, Landmarks], ...] = ()
    """Further pictures after `image`, such as frames of a clip, each with its landmarks."""

    @property
    def pictures(self) -> tuple[tuple[Image.Image, Landmarks], ...]:
        """All pictures with their landmarks, in order."""
        return ((self.image, self.landmarks), *self.more)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat in the parts that every chat template of a vision model knows."""
        parts: list[dict[str, Any]] = [{"type": "image"} for _ in self.pictures]
        parts.append({"type": "text", "text": self.question})
        return [{"role": "user", "content": parts}]


@dataclass(frozen=True)
class Completion:
    """The answer to one request."""

    text: str = ""
    finished: bool = True
    """False where `max_tokens` cut the answer off."""
    logprobs: dict[int, float] = field(default_factory=dict)
    """Choice → natural logarithm of its probability."""


class Branch(NamedTuple):
    """A place where words part: which token continues which of them."""

    prefill: tuple[int, ...]
    groups: dict[int, tuple[str, ...]]


class WordTree:
    """The probabilities of a few words in one place of a text, from single next-token looks.

    Where the first token tells the words apart, as in most vocabularies, that is one look; words
    that share tokens branch again later, each branch one more look.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        before: str,
        words: Sequence[str],
        after: str,
        temperature: float = 1.0,
    ) -> None:
        """Find the branches of `before + word + after`, which need not be cut at token borders.

        Probabilities become p^(1/temperature) over their sum: over 1, a model that is surer than it
        is right doubts more (Guo et al., 2017).
        """
        self.words = tuple(words)
        self.temperature = temperature
        ids = {
            word: tuple(tokenizer.encode(before + word + after, add_special_tokens=False))
            for word in words
        }
        self.branches = list(_branches(ids, self.words, 0))

    def looks(self, request: Request) -> list[Request]:
        """What to ask of the same picture and question: one look a branch, in their order."""
        return [
            replace(request, prefill=branch.prefill, choices=tuple(branch.groups))
            for branch in self.branches
        ]

    def probabilities(self, looks: Sequence[dict[int, float]]) -> dict[str, float]:
        """Word → probability among the words; they sum to 1.

        Args:
            looks: the choices' log-probabilities at each branch, in the order of `branches`.
        """
        probability = dict.fromkeys(self.words, 1.0)
        for branch, logprobs in zip(self.branches, looks, strict=True):
            top = max(logprobs[token] for token in branch.groups)
            weights = {token: math.exp(logprobs[token] - top) for token in branch.groups}
            total = sum(weights.values())
            for token, group in branch.groups.items():
                for word in group:
                    probability[word] *= weights[token] / total
        if self.temperature == 1:
            return probability
        tempered = {word: p ** (1 / self.temperature) for word, p in probability.items()}
        total = sum(tempered.values())
        return {word: p / total for word, p in tempered.items()}


def _branches(
    ids: dict[str, tuple[int, ...]], words: tuple[str, ...], depth: int
) -> Iterable[Branch]:
    while len(words) > 1:
        groups: dict[int, list[str]] = {}
        for word in words:
            if depth == len(ids[word]):
                raise FaceLLMError(f"the tokenizer cannot tell {' and '.join(words)} apart")
            groups.setdefault(ids[word][depth], []).append(word)
        if len(groups) > 1:
            named = {token: tuple(group) for token, group in groups.items()}
            yield Branch(ids[words[0]][:depth], named)
            for group in named.values():
                yield from _branches(ids, group, depth + 1)
            return
        depth += 1


def about_clip(
    frames: Sequence[tuple[float, Image.Image, Any]], question: str, **more: Any
) -> Request:
    """One question about a clip, its frames one picture each and their times before the question.

    Args:
        frames: seconds, picture and landmarks of each, in order; at least one. Landmarks are points
            (68, 2) a person, None for one who is away.
        question: in words.
        **more: of the request.
    """
    first, *rest = [(image, points) for _, image, points in frames]
    text = f"{told([seconds for seconds, *_ in frames])} {question}"
    return Request(*first, text, more=tuple(rest), **more)


def landmarks_of(faces: Iterable[Face]) -> NDArray[np.float32]:
    """The points of faces as (F, 68, 2); faces without points are left out."""
    points = [face.points for face in faces if face.points is not None]
    return np.array(points, np.float32).reshape(-1, N_POINTS, 2)


def largest(faces: Sequence[Face], count: int) -> list[Face]:
    """The `count` largest faces by area of their boxes, in the order they came."""
    area = {
        index: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])
        for index, face in enumerate(faces)
    }
    keep = sorted(area, key=lambda index: -area[index])[:count]
    return [faces[index] for index in sorted(keep)]


def face_at(faces: Sequence[Face], number: int) -> Face:
    """The face with this number, counted from 1 at the left.

    Raises:
        FaceLLMError: no such face, with how many there are.
    """
    if 1 <= number <= len(faces):
        return faces[number - 1]
    if not faces:
        raise FaceLLMError(f"there is no face {number}: no face was found in this picture")
    are = "1 face was" if len(faces) == 1 else f"{len(faces)} faces were"
    raise FaceLLMError(
        f"there is no face {number}: {are} found in this picture, "
        f"numbered 1 to {len(faces)} from left to right"
    )
