"""The structured answer about a picture: what `describe`, the API and the web page all return.

report = facellm.load().describe("photo.jpg")
report.text            what the model says, in sentences
report.to_fex()        a table with py-feat's column names
report.plot()          the annotated picture
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, PrivateAttr

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Box, Point, Record

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image


class Expression(Record):
    """How people would usually read the expression; not what the person feels."""

    label: str
    """The most probable emotion noun."""
    probabilities: dict[str, float]
    """Emotion noun → probability, summing to 1, as the language model weighs them."""


class Evidence(Record):
    """One thing seen on the face, in words."""

    text: str
    """What is seen, such as `corners pulled up`."""
    region: str
    """Where: one of the fifteen face regions or a pair of them (`brows`, `eyes`, `cheeks`)."""
    action_unit: str | None = None
    """The FACS code the text cites, such as `AU12`."""
    intensity: float | None = Field(default=None, ge=0, le=5)
    """The intensity 0-5 that the text's intensity word stands for."""


class FaceReading(Record):
    """One face of a report."""

    index: int = Field(ge=1)
    """1-based, from left to right in the picture; the number that questions use."""
    box: Box
    """x0, y0, x1, y1 in pixels."""
    points: list[Point]
    """68 Multi-PIE points as x, y in pixels."""
    confidence: float = Field(ge=0, le=1)
    """How sure the finder is that this is a face; 1 where the face was given."""
    expression: Expression
    action_units: dict[str, float]
    """FACS code → intensity 0-5 of each unit the model states; others were not seen."""
    evidence: list[Evidence]
    text: str
    """The explained reading as the model wrote it, in sentences."""
    answers: dict[str, str] = Field(default_factory=dict)
    """Task → the model's answer as it wrote it, before anything was read from it."""
    unread: list[str] = Field(default_factory=list)
    """Parts of this reading whose answer could not be read: `action_units`, `evidence`."""
    track: int | None = Field(default=None, ge=1)
    """In a clip, the number this face keeps from frame to frame."""


class Drawing:
    """How a report's picture is drawn again; no part of what the report says or equals."""

    def __init__(self, draw: "Callable[[], Image.Image] | None" = None) -> None:
        self.draw = draw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Drawing)

    def __hash__(self) -> int:
        return hash(Drawing)

    def __reduce__(self) -> tuple[Any, ...]:
        return Drawing, ()  # a model and a picture do not travel with a pickled report


class FaceReport(Record):
    """Everything read from one picture."""

    width: int = Field(gt=0)
    """Pixels, after the picture's own orientation tag is applied."""
    height: int = Field(gt=0)
    faces: list[FaceReading]
    finder: str
    """Which finder placed the faces: `builtin`, `mediapipe` or `given`."""
    model: str
    """Name of the model that read them."""
    warnings: list[str] = Field(default_factory=list)
    """What could not be read, one line each; nothing is dropped silently."""

    _drawing: Drawing = PrivateAttr(default_factory=Drawing)

    @property
    def text(self) -> str:
        """What the model wrote about each face, one line a face where there are several."""
        if not self.faces:
            return "No face was found in this picture."
        if len(self.faces) == 1:
            return self.faces[0].text
        return "\n".join(f"Face {face.index}: {face.text}" for face in self.faces)

    def to_fex(self, source: str = "") -> "pd.DataFrame":
        """A table with the columns of `facellm.core.fex`, one row a face; one empty row for none.

        Args:
            source: what stands in the column `input`, such as the picture's path.

        Raises:
            FaceLLMError: pandas is not installed.
        """
        from facellm.core.fex import rows_of, table

        return table(rows_of(self, source))

    def plot(self) -> "Image.Image":
        """The picture with faces, regions and evidence drawn on it; a notebook shows it.

        Raises:
            FaceLLMError: a report that was loaded from a file: it does not hold the picture.
        """
        if self._drawing.draw is None:
            raise FaceLLMError(
                "this report does not know its picture; draw it with reader.annotate(image, report)"
            )
        return self._drawing.draw()

    def drawn_by(self, draw: "Callable[[], Image.Image]") -> Self:
        """Let `plot` draw with this; returns the report."""
        self._drawing = Drawing(draw)
        return self
