"""The picture of a question as bytes, as a model under test is shown it."""

import io

from eval.models.base import shown
from eval.question import Question


def picture_bytes(question: Question) -> bytes:
    """The stored JPEG or PNG as it is; a PNG of what is shown where that is another picture."""
    path = question.corpus / question.sample.image
    image = shown(question).image  # also checks that the file is a picture
    if not question.corruption and path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return path.read_bytes()
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
