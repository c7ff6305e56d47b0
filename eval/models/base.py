"""What a model under test is: something that answers questions, one after the other or at once."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from PIL import Image

from eval.corruptions import corrupt
from eval.question import Answer, Question
from facellm.faces import load_image


class Model(Protocol):
    """A model under test; a question it cannot answer comes back with an error, not lost."""

    name: str

    def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """Answer all questions, in whatever order the answers become ready."""
        ...


def picture_of(question: Question) -> Image.Image:
    """The picture a model is shown: as stored, or spoilt as the benchmark says."""
    image = load_image(question.corpus / question.sample.image)
    if not question.corruption:
        return image
    return corrupt(image, question.corruption, question.sample.faces, seed=question.id)
