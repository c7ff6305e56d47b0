"""The structured answer about a picture: what `describe`, the API and the web page all return."""

from pydantic import Field

from facellm.core.sample import Box, Point, Record


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
